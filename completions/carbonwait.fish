# fish completion for carbonwait(1). Static: no Python is started for a TAB.

set -g __carbonwait_with_value -d --deadline --duration --strategy --window --min-saving -z --zone \
    -p --provider --forecast --objective --name --lock --sample --pause-command --resume-command \
    --resume-cost

# True where an option of one of these commands may come next.
function __carbonwait_in
    set -l words (commandline -opc)
    set -l command $words[2]
    contains -- "$command" $argv; or return 1
    contains -- $command run plan; or return 0
    # From the wrapped command on, its own completion takes over.
    set -e words[1..2]
    while set -q words[1]
        if contains -- $words[1] $__carbonwait_with_value
            set -e words[1]
        else if test $words[1] = --; or not string match -q -- '-*' $words[1]
            return 1
        end
        set -e words[1]
    end
end

function __carbonwait_wraps
    set -l words (commandline -opc)
    contains -- "$words[2]" run plan
end

complete -c carbonwait -f
complete -c carbonwait -n __fish_use_subcommand -s V -l version -d 'Show the version'
complete -c carbonwait -n __fish_use_subcommand -s h -l help -d 'Show help'
complete -c carbonwait -n __fish_use_subcommand -a run -d 'Wait, run, meter, record'
complete -c carbonwait -n __fish_use_subcommand -a plan -d 'What run would do now'
complete -c carbonwait -n __fish_use_subcommand -a forecast -d 'The forecast as a chart'
complete -c carbonwait -n __fish_use_subcommand -a report -d 'What was emitted and avoided'
complete -c carbonwait -n __fish_use_subcommand -a runs -d 'Waiting, running and past runs'
complete -c carbonwait -n __fish_use_subcommand -a show -d 'One run in full'
complete -c carbonwait -n __fish_use_subcommand -a settle -d 'Take actual intensities'
complete -c carbonwait -n __fish_use_subcommand -a start -d 'Start a waiting run now'
complete -c carbonwait -n __fish_use_subcommand -a cancel -d 'End a waiting or running run'
complete -c carbonwait -n __fish_use_subcommand -a compare -d 'Dynamic against static against now'
complete -c carbonwait -n __fish_use_subcommand -a export -d 'Every run, for an auditor'
complete -c carbonwait -n __fish_use_subcommand -a import -d 'Merge ledgers of other machines'
complete -c carbonwait -n __fish_use_subcommand -a doctor -d 'What works here and what does not'
complete -c carbonwait -n __fish_use_subcommand -a config -d 'The config file'

# The zones that people in most places need; any other one can be typed.
set -l zones AT AU-NSW AU-VIC BE BG CA-ON CA-QC CH CL-SEN CZ DE DK-DK1 DK-DK2 EE ES FI FR GB GR HR HU \
    IE IT JP-TK KR LT LU LV NL NO NZ PL PT RO SE SG SI SK US-CAL-CISO US-MIDA-PJM US-MIDW-MISO \
    US-NE-ISNE US-NY-NYIS US-TEX-ERCO ZA
set -l providers neso energinet energy_charts electricity_maps watttime carbon_aware_sdk file typical

set -l grid '__carbonwait_in run plan forecast compare doctor'
complete -c carbonwait -n $grid -s z -l zone -x -a "$zones" -d 'Grid zone'
complete -c carbonwait -n $grid -s p -l provider -x -a "$providers" -d 'Where the forecast comes from'

complete -c carbonwait -n '__carbonwait_in settle' -s z -l zone -x -a "$zones" -d 'Only runs of this zone'
complete -c carbonwait -n '__carbonwait_in settle' -l actuals -r -F -d 'CSV file of actual intensities'

set -l views '__carbonwait_in run plan forecast'
complete -c carbonwait -n $views -s d -l deadline -x -d 'Be finished by (45m, 12h, 07:00)'
complete -c carbonwait -n $views -l duration -x -d 'Expected run time'
complete -c carbonwait -n $views -l forecast -r -F -d 'CSV file in place of a provider'

set -l plans '__carbonwait_in run plan'
complete -c carbonwait -n $plans -l now -d 'Start at once'
complete -c carbonwait -n $plans -l static -d 'Wait for the static window'
complete -c carbonwait -n $plans -l strategy -x -a 'dynamic static now' -d 'How to choose the start'
complete -c carbonwait -n $plans -l window -x -d 'Static window for this run'
complete -c carbonwait -n $plans -l min-saving -x -d 'Wait only to save at least this'
complete -c carbonwait -n $plans -l objective -x -a 'carbon price 0.5' -d 'What to minimise'
complete -c carbonwait -n $plans -l name -x -d 'Name of the job'
complete -c carbonwait -n $plans -l lock -x -d 'One run of this name at a time'
complete -c carbonwait -n $plans -l no-meter -d 'Run without metering'
complete -c carbonwait -n $plans -l sample -x -a '1s 5s 30s' -d 'Sampling period'
complete -c carbonwait -n $plans -l interruptible -d 'Pause the job through dirty hours'
complete -c carbonwait -n $plans -l pause-command -x -d 'Run before a pause'
complete -c carbonwait -n $plans -l resume-command -x -d 'Run after a resume'
complete -c carbonwait -n $plans -l resume-cost -x -a '0 1m 5m 15m' -d 'Energy of a resume'
complete -c carbonwait -n $plans -s q -l quiet -d 'Say nothing but faults'
complete -c carbonwait -n $plans -s v -l verbose -d 'Say everything, everywhere'
complete -c carbonwait -n __carbonwait_wraps -x -a '(__fish_complete_subcommand --fcs-skip=2 $__carbonwait_with_value)'

complete -c carbonwait -n '__carbonwait_in forecast' -l csv -d 'Rows that --forecast can read'
complete -c carbonwait -n '__carbonwait_in report' -l since -x -d 'From'
complete -c carbonwait -n '__carbonwait_in report' -l until -x -d 'Up to'
complete -c carbonwait -n '__carbonwait_in report' -l by -x -a 'name day week zone provider strategy rung host' -d 'Group by'
complete -c carbonwait -n '__carbonwait_in report' -l attribution -x -a 'job machine' -d 'Whose energy'
complete -c carbonwait -n '__carbonwait_in report' -l signal -x -a 'average marginal' -d 'Only of this signal'
complete -c carbonwait -n '__carbonwait_in report' -l html -r -F -d 'Write a page with charts'
complete -c carbonwait -n '__carbonwait_in export' -l format -x -a 'csv json jsonl' -d 'How it is written'
complete -c carbonwait -n '__carbonwait_in export' -l verify -r -F -d 'Is this file whole'
complete -c carbonwait -n '__carbonwait_in import' -F
complete -c carbonwait -n '__carbonwait_in runs' -l state -x -a 'waiting running paused finished aborted lost' -d 'Only in this state'
complete -c carbonwait -n '__carbonwait_in runs' -l watch -d 'Show the list anew every two seconds'
complete -c carbonwait -n '__carbonwait_in runs' -s n -l limit -x -d 'The newest N'
complete -c carbonwait -n '__carbonwait_in show' -s v -l verbose -d 'Show each decision'
set -l compare '__carbonwait_in compare'
complete -c carbonwait -n $compare -l history -r -F -d 'CSV of what has been'
complete -c carbonwait -n $compare -l days -x -d 'So many days of the stored history'
complete -c carbonwait -n $compare -l duration -x -a '10m 30m 1h 2h 4h 8h' -d 'Run time'
complete -c carbonwait -n $compare -l job -x -d 'Job whose past runs say how long it takes'
complete -c carbonwait -n $compare -s d -l deadline -x -a '4h 12h 24h 48h' -d 'Be finished within'
complete -c carbonwait -n $compare -l from -x -d 'First submission'
complete -c carbonwait -n $compare -l to -x -d 'Submissions end here'
complete -c carbonwait -n $compare -l submit -x -d 'When jobs are submitted'
complete -c carbonwait -n $compare -l min-saving -x -d 'Wait only to save at least this'
complete -c carbonwait -n $compare -l window -x -d 'Static window'
complete -c carbonwait -n $compare -l interruptible -d 'Add jobs that may be paused'
complete -c carbonwait -n $compare -l resume-cost -x -a '0 1m 5m 15m' -d 'Energy of a resume'
complete -c carbonwait -n $compare -l issued -d 'Plan on the forecasts in the file'
complete -c carbonwait -n $compare -l decisions -r -F -d 'Write each start to a CSV file'
complete -c carbonwait -n '__carbonwait_in plan forecast report runs show settle compare doctor' -l json -d 'One JSON document'
complete -c carbonwait -n '__carbonwait_in config' -x -a 'init show path check'
complete -c carbonwait -n '__carbonwait_in run plan forecast report runs show settle start cancel compare export import doctor config' -s h -l help -d 'Show help'
