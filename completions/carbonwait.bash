# bash completion for carbonwait(1). Static: no Python is started for a TAB.

_carbonwait_values() {
    case $1 in
        --strategy) echo dynamic static now ;;
        --objective) echo carbon price 0.5 ;;
        --provider | -p)
            echo neso energinet energy_charts electricity_maps watttime carbon_aware_sdk file typical
            ;;
        --sample) echo 1s 5s 30s ;;
        --resume-cost) echo 0 1m 5m 15m ;;
        --by) echo name day week zone provider strategy rung host ;;
        --attribution) echo job machine ;;
        --signal) echo average marginal ;;
        --format) echo csv json jsonl ;;
        --state) echo waiting running paused finished aborted lost ;;
        --zone | -z)
            # The zones that people in most places need; any other one can be typed.
            echo AT AU-NSW AU-VIC BE BG CA-ON CA-QC CH CL-SEN CZ DE DK-DK1 DK-DK2 EE ES FI FR GB GR \
                HR HU IE IT JP-TK KR LT LU LV NL NO NZ PL PT RO SE SG SI SK US-CAL-CISO \
                US-MIDA-PJM US-MIDW-MISO US-NE-ISNE US-NY-NYIS US-TEX-ERCO ZA
            ;;
    esac
}

_carbonwait() {
    local cur prev words cword split
    if declare -F _init_completion >/dev/null; then
        # -s takes --zone=GB apart; -n keeps 07:00 together.
        _init_completion -s -n : || return
    else
        words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
        cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    fi

    local commands="run plan forecast report runs show settle start cancel compare export import"
    commands+=" doctor config"
    local grid="--zone -z --provider -p"
    local view="--deadline -d --duration $grid --forecast"
    local job="$view --now --static --strategy --window --min-saving --name --lock --no-meter --sample"
    job+=" --objective --interruptible --pause-command --resume-command --resume-cost"
    job+=" --quiet -q --verbose -v"
    local with_value=" --deadline -d --duration --strategy --window --min-saving --zone -z --provider"
    with_value+=" --pause-command --resume-command --resume-cost"
    with_value+=" -p --forecast --objective --name --lock --sample --since --until --by --state"
    with_value+=" --limit -n --history --days --job --from --to --submit --decisions --actuals"
    with_value+=" --attribution --signal --html --format --verify "

    if ((cword == 1)); then
        COMPREPLY=($(compgen -W "$commands --version -V --help -h" -- "$cur"))
        return
    fi

    local command=${words[1]} options
    case $command in
        run) options=$job ;;
        plan) options="$job --json" ;;
        forecast) options="$view --json --csv" ;;
        report) options="--since --until --by --attribution --signal --html --json" ;;
        runs) options="--state --limit -n --watch --json" ;;
        show) options="--json --verbose -v" ;;
        settle) options="--actuals --zone -z --json" ;;
        start | cancel) options="" ;;
        compare)
            options="$grid --history --days --duration --job --deadline -d --from --to --submit"
            options+=" --min-saving --window --interruptible --resume-cost --issued --decisions --json"
            ;;
        export) options="--format --verify" ;;
        import) options="" ;;
        doctor) options="$grid --json" ;;
        config) ((cword == 2)) && options="init show path check" ;;
        *) return ;;
    esac

    if [[ $command == run || $command == plan ]]; then
        # From the wrapped command on, its own completion takes over.
        local i
        for ((i = 2; i < cword; i++)); do
            case ${words[i]} in
                --) ((i++)); break ;;
                -*) [[ $with_value == *" ${words[i]} "* ]] && ((i++)) ;;
                *) break ;;
            esac
        done
        if ((i < cword)) || { ((i == cword)) && [[ ${words[i]} != -* || ${words[i-1]} == -- ]]; }; then
            if declare -F _command_offset >/dev/null; then
                # It counts the words as readline has broken them, at = and : too.
                local n piece first=0
                for ((n = 0; n < i; n++)); do
                    piece=${COMP_WORDS[first++]}
                    while [[ $piece != "${words[n]}" ]] && ((first < COMP_CWORD)); do
                        piece+=${COMP_WORDS[first++]}
                    done
                done
                _command_offset "$first"
            elif ((i == cword)); then
                COMPREPLY=($(compgen -c -- "$cur"))
            fi
            return
        fi
    fi

    if [[ " --forecast --history --decisions --actuals --html --verify " == *" $prev "* ]] ||
        [[ $command == import && $cur != -* ]]; then
        compopt -o filenames
        COMPREPLY=($(compgen -f -- "$cur"))
    elif [[ $with_value == *" $prev "* ]]; then
        COMPREPLY=($(compgen -W "$(_carbonwait_values "$prev")" -- "$cur"))
    else
        COMPREPLY=($(compgen -W "$options --help -h" -- "$cur"))
    fi
} &&
    complete -F _carbonwait carbonwait
