# Completion of quiltctl for fish.
function __quiltctl_complete
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    QUILTCTL_COMPLETE=fish @PROGRAM@ $words "$current" 2>/dev/null
end
complete --command quiltctl --no-files --keep-order --arguments '(__quiltctl_complete)'
