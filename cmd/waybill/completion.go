package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeFlag is what shells end a line with that they ask to be completed.
const completeFlag = "--generate-bash-completion"

// shells are those that a completion can be printed for. Each script asks the program itself.
var shells = []string{"bash", "zsh", "fish"}

const bashCompletion = `_waybill() {
	local cur="${COMP_WORDS[COMP_CWORD]}" line=("${COMP_WORDS[@]:0:COMP_CWORD}")
	[[ "$cur" != -* ]] || line+=("$cur")
	COMPREPLY=($(compgen -W "$("${line[@]}" ` + completeFlag + ` 2>/dev/null)" -- "$cur"))
}
complete -o bashdefault -o default -F _waybill waybill
`

const zshCompletion = `#compdef waybill
_waybill() {
	local -a line opts
	line=("${(@)words[1,CURRENT-1]}")
	[[ "${words[CURRENT]}" != -* ]] || line+=("${words[CURRENT]}")
	opts=("${(@f)$("${line[@]}" ` + completeFlag + ` 2>/dev/null)}")
	if [[ -n "${opts[1]}" ]]; then
		_describe 'waybill' opts
	else
		_files
	fi
}
compdef _waybill waybill
`

// completionVerb prints what a shell completes by.
func (p *program) completionVerb() *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print what a shell completes verbs and flags by",
		UsageText: "waybill completion " + strings.Join(shells, "|"),
		Description: "bash:  source <(waybill completion bash), in ~/.bashrc\n" +
			"zsh:   source <(waybill completion zsh), in ~/.zshrc, after compinit\n" +
			"fish:  waybill completion fish > ~/.config/fish/completions/waybill.fish",
		BashComplete: func(*cli.Context) { fmt.Fprintln(p.stdout, strings.Join(shells, "\n")) },
		Action: func(c *cli.Context) error {
			if err := arguments(c, 1, 1); err != nil {
				return err
			}
			var text string
			var err error
			switch shell := c.Args().First(); shell {
			case "bash":
				text = bashCompletion
			case "zsh":
				text = zshCompletion
			case "fish":
				text, err = p.app().ToFishCompletion()
			default:
				err = usage(unknown("shell", shell, shells), "shells: "+strings.Join(shells, ", "))
			}
			if err == nil {
				_, err = fmt.Fprint(p.stdout, text)
			}
			return err
		},
	}
}
