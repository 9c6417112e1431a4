#compdef quiltctl
# Completion of quiltctl for zsh.
_quiltctl() {
    local line
    local -a candidates
    QUILTCTL_COMPLETE=zsh QUILTCTL_COMPLETE_INDEX=$((CURRENT - 1)) \
        @PROGRAM@ "${(@Q)words[1,CURRENT]}" 2>/dev/null | while IFS= read -r line; do
        local value=${line%%$'\t'*} help=
        [[ $line == *$'\t'* ]] && help=${line#*$'\t'}
        value=${value//\\/\\\\}
        candidates+=("${value//:/\\:}${help:+:$help}")
    done
    if (( $#candidates )); then
        _describe -V quiltctl candidates
    else
        _default
    fi
}
if [[ ${funcstack[1]} == _quiltctl ]]; then
    _quiltctl "$@"
elif (( $+functions[compdef] )); then
    compdef _quiltctl quiltctl
fi
