# fish completion for carbonwait(1). Static: no Python is started for a TAB.

set -l commands run plan report runs show config
complete -c carbonwait -f
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -s V -l version -d 'Show the version'
complete -c carbonwait -s h -l help -d 'Show help'
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -a run -d 'Wait, run, meter, record'
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -a plan -d 'What run would do now'
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -a report -d 'What was emitted and avoided'
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -a runs -d 'Waiting, running and past runs'
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -a show -d 'One run in full'
complete -c carbonwait -n "not __fish_seen_subcommand_from $commands" -a config -d 'The config file'

set -l plans '__fish_seen_subcommand_from run plan'
complete -c carbonwait -n $plans -s d -l deadline -x -d 'Be finished by (45m, 12h, 07:00)'
complete -c carbonwait -n $plans -l duration -x -d 'Expected run time'
complete -c carbonwait -n $plans -l now -d 'Start at once'
complete -c carbonwait -n $plans -l static -d 'Wait for the static window'
complete -c carbonwait -n $plans -l strategy -x -a 'dynamic static now' -d 'How to choose the start'
complete -c carbonwait -n $plans -l window -x -d 'Static window for this run'
complete -c carbonwait -n $plans -l min-saving -x -d 'Wait only to save at least this'
complete -c carbonwait -n $plans -s z -l zone -x -a 'AT AU-NSW BE CA-ON CH CZ DE DK-DK1 DK-DK2 ES FI FR GB IE IT NL NO PL PT SE US-CAL-CISO US-MIDA-PJM US-NY-NYIS US-TEX-ERCO ZA' -d 'Grid zone'
complete -c carbonwait -n $plans -s p -l provider -x -a 'neso typical' -d 'Where the forecast comes from'
complete -c carbonwait -n $plans -l forecast -r -F -d 'CSV file in place of a provider'
complete -c carbonwait -n $plans -l name -x -d 'Name of the job'
complete -c carbonwait -n $plans -l no-meter -d 'Run without metering'
complete -c carbonwait -n $plans -l sample -x -a '1s 5s 30s' -d 'Sampling period'
complete -c carbonwait -n $plans -s q -l quiet -d 'Say nothing but faults'
complete -c carbonwait -n $plans -s v -l verbose -d 'Say everything, everywhere'
# From the wrapped command on, its own completion takes over.
complete -c carbonwait -n $plans -x -a '(__fish_complete_subcommand --fcs-skip=2 -d --deadline --duration --strategy --window --min-saving -z --zone -p --provider --forecast --name --sample)'

complete -c carbonwait -n '__fish_seen_subcommand_from report' -l since -x -d 'From'
complete -c carbonwait -n '__fish_seen_subcommand_from report' -l until -x -d 'Up to'
complete -c carbonwait -n '__fish_seen_subcommand_from report' -l by -x -a 'name zone strategy rung' -d 'Group by'
complete -c carbonwait -n '__fish_seen_subcommand_from runs' -l state -x -a 'waiting running paused finished aborted lost' -d 'Only in this state'
complete -c carbonwait -n '__fish_seen_subcommand_from runs' -s n -l limit -x -d 'The newest N'
complete -c carbonwait -n '__fish_seen_subcommand_from plan report runs show' -l json -d 'One JSON document'
complete -c carbonwait -n '__fish_seen_subcommand_from config' -x -a 'init show path check'
