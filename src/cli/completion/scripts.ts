/**
 * Scripts for shells. Each asks `warren completion candidates`, which prints one candidate a line
 * with a tab and what it is; a candidate that ends in `=` or `/` wants no blank after it.
 */
export const scripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `# warren completion for bash: source <(warren completion bash)
_warren() {
  local line candidates=() word=\${COMP_WORDS[COMP_CWORD]}
  # Bash splits words at = and :, which are part of ours.
  local before=\${COMP_LINE:0:COMP_POINT}
  local words
  read -ra words <<<"$before"
  [[ $before == *' ' ]] && words+=('')
  local current=\${words[-1]}
  # Right after one, the word to complete is what comes after it.
  [[ $word == [=:] ]] && word=''
  while IFS=$'\\t' read -r line _; do
    case $line in
      :files) compopt -o default 2>/dev/null; COMPREPLY=(); return ;;
      *) candidates+=("$line") ;;
    esac
  done < <(warren completion candidates -- "\${words[@]:1}" 2>/dev/null)
  local cut=\${current%"$word"}
  COMPREPLY=()
  for line in "\${candidates[@]}"; do
    [[ $line == "$current"* ]] && COMPREPLY+=("\${line#"$cut"}")
  done
  [[ \${#COMPREPLY[@]} == 1 && \${COMPREPLY[0]} == *[=/] ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -F _warren warren
`,
  zsh: `#compdef warren
# warren completion for zsh: put this as _warren into a directory of $fpath, or source it
_warren() {
  local line value about
  local -a plain open
  while IFS=$'\\t' read -r value about; do
    [[ $value == :files ]] && { _files; return }
    value=\${value//:/\\\\:}
    line=$value\${about:+:$about}
    if [[ $value == *[=/] ]]; then open+=("$line"); else plain+=("$line"); fi
  done < <(warren completion candidates -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#plain )) && _describe -t values warren plain
  (( $#open )) && _describe -t values warren open -S ''
  return 0
}
if [[ $funcstack[1] == _warren ]]; then _warren "$@"; else compdef _warren warren; fi
`,
  fish: `# warren completion for fish: warren completion fish | source
function __warren_candidates
  set -l words (commandline -opc) (commandline -ct)
  for line in (warren completion candidates -- $words[2..-1] 2>/dev/null)
    if string match -q ':files*' -- $line
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c warren -f -a '(__warren_candidates)'
`,
};
