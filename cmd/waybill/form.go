package main

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"

	"github.com/waybill-dev/waybill/gate/config"
)

// form names all that canonical forms depend on besides tapes: this program, byte for
// byte, and the configuration, which has the masks and the settings of sinks. It is
// "", under which no digests are kept, where that cannot be read.
func form(conf *config.Config) string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	files := []string{program}
	if conf != nil {
		files = append(files, conf.Path)
	}
	var name []byte
	for _, file := range files {
		sum, err := fileSum(file)
		if err != nil {
			return ""
		}
		name = append(name, sum...)
	}
	return hex.EncodeToString(name)
}

// fileSum is SHA-256 over a file.
func fileSum(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return nil, err
	}
	return h.Sum(nil), nil
}
