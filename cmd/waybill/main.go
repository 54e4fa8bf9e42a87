// Command waybill says, before a software upgrade ships, whether it changes who
// receives what. It holds flags, exit codes and the joining of the packages of
// gate and checks; what it does is theirs.
package main

import (
	"os"

	"github.com/waybill-dev/waybill/gate/build"
)

func main() {
	build.Supervise()
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}
