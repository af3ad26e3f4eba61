# bash completion for carbonwait(1). Static: no Python is started for a TAB.

_carbonwait_zones() {
    # The zones that people in most places need; any other one can be typed.
    echo AT AU-NSW AU-VIC BE BG CA-ON CA-QC CH CL-SEN CZ DE DK-DK1 DK-DK2 EE ES FI FR GB GR HR HU IE \
        IT JP-TK KR LT LU LV NL NO NZ PL PT RO SE SG SI SK US-CAL-CISO US-MIDA-PJM US-MIDW-MISO \
        US-NE-ISNE US-NY-NYIS US-TEX-ERCO ZA
}

_carbonwait() {
    local cur prev words cword
    if declare -F _init_completion >/dev/null; then
        _init_completion -n : || return
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    fi

    local commands="run plan report runs show config"
    local plan_options="--deadline -d --duration --now --static --strategy --window --min-saving
        --zone -z --provider -p --forecast --name --no-meter --sample --quiet -q --verbose -v --help -h"
    local value_options=" --deadline -d --duration --strategy --window --min-saving --zone -z
        --provider -p --forecast --name --sample --since --until --by --state --limit -n "

    if ((cword == 1)); then
        COMPREPLY=($(compgen -W "$commands --version -V --help -h" -- "$cur"))
        return
    fi

    local command=${words[1]} options=
    case $command in
        run) options=$plan_options ;;
        plan) options="$plan_options --json" ;;
        report) options="--since --until --by --json --help -h" ;;
        runs) options="--state --limit -n --json --help -h" ;;
        show) options="--json --help -h" ;;
        config)
            ((cword == 2)) && options="init show path check"
            COMPREPLY=($(compgen -W "$options --help -h" -- "$cur"))
            return
            ;;
        *) return ;;
    esac

    if [[ $command == run || $command == plan ]]; then
        # From the wrapped command on, its own completion takes over.
        local i
        for ((i = 2; i < cword; i++)); do
            case ${words[i]} in
                --) ((i++)); break ;;
                --*=*) ;;
                -*) [[ $value_options == *" ${words[i]} "* || $value_options == *$'\n'*" ${words[i]} "* ]] && ((i++)) ;;
                *) break ;;
            esac
        done
        if ((i < cword)) || { ((i == cword)) && [[ $cur != -* || ${words[i-1]} == -- ]]; }; then
            if declare -F _command_offset >/dev/null; then
                _command_offset "$i"
            elif ((i == cword)); then
                COMPREPLY=($(compgen -c -- "$cur"))
            fi
            return
        fi
    fi

    case $prev in
        --strategy) COMPREPLY=($(compgen -W "dynamic static now" -- "$cur")); return ;;
        --zone | -z) COMPREPLY=($(compgen -W "$(_carbonwait_zones)" -- "$cur")); return ;;
        --provider | -p) COMPREPLY=($(compgen -W "neso typical" -- "$cur")); return ;;
        --by) COMPREPLY=($(compgen -W "name zone strategy rung" -- "$cur")); return ;;
        --state)
            COMPREPLY=($(compgen -W "waiting running paused finished aborted lost" -- "$cur"))
            return
            ;;
        --forecast) compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return ;;
    esac
    [[ $value_options == *" $prev "* ]] && return
    COMPREPLY=($(compgen -W "$options" -- "$cur"))
} &&
    complete -F _carbonwait carbonwait
