package build

import (
	"fmt"
	"net"
	"strings"
)

// freeDoors finds a free port of loopback for each name. All are held open until
// all are found, so they differ. Between here and the build's own listening
// another program can take one: the start is tried again then.
func freeDoors(names []string) (map[string]string, error) {
	doors := make(map[string]string, len(names))
	for _, name := range names {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port for door %s: %w", name, err)
		}
		defer l.Close()
		doors[name] = l.Addr().String()
	}
	return doors, nil
}

// portTaken reports whether output tells that an address was in use: the words
// of EADDRINUSE, which runtimes of all languages print.
func portTaken(printed string) bool {
	printed = strings.ToLower(printed)
	return strings.Contains(printed, "address already in use") || strings.Contains(printed, "eaddrinuse")
}
