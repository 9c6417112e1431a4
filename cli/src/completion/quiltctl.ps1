# Completion of quiltctl for PowerShell.
Register-ArgumentCompleter -Native -CommandName quiltctl -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements |
        Where-Object { $_.Extent.StartOffset -lt $cursorPosition } |
        ForEach-Object { $_.Extent.Text })
    $index = $words.Count - 1
    if ($wordToComplete -eq '') { $index = $words.Count }
    $before = $env:QUILTCTL_COMPLETE, $env:QUILTCTL_COMPLETE_INDEX
    $env:QUILTCTL_COMPLETE, $env:QUILTCTL_COMPLETE_INDEX = 'powershell', "$index"
    try { $found = & @PROGRAM@ @words 2>$null }
    finally { $env:QUILTCTL_COMPLETE, $env:QUILTCTL_COMPLETE_INDEX = $before }
    $found | ForEach-Object {
        $value, $help = $_ -split "`t", 2
        if (-not $help) { $help = $value }
        [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
    }
}
