_hms_bus_completion() {
    local IFS=$'
'
    COMPREPLY=( $( env COMP_WORDS="${COMP_WORDS[*]}" \
                   COMP_CWORD=$COMP_CWORD \
                   _HMS_BUS_COMPLETE=complete_bash $1 ) )
    return 0
}

complete -o default -F _hms_bus_completion hms-bus
