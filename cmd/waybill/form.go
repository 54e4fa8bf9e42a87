package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

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

// sealBytes is how long the key of an installation is.
const sealBytes = 32

// installationKey is the key that what is kept beside tapes is sealed with. It is made at the first
// call, and stands in the user's folder of settings, outside of any checkout. The error says that
// there can be none: then nothing is kept.
func installationKey() ([]byte, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, err
	}
	dir = filepath.Join(dir, "waybill")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "seal.key")
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		key := make([]byte, sealBytes)
		rand.Read(key)
		if err := placeOnce(path, key); err != nil {
			return nil, err
		}
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s can be read by others", path)
	}
	key, err := os.ReadFile(path)
	if err == nil && len(key) != sealBytes {
		err = fmt.Errorf("%s does not hold a key", path)
	}
	return key, err
}

// placeOnce makes a file that holds data, whole; one that is there already stays.
func placeOnce(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".seal-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Close())
	if err == nil {
		if err = os.Link(f.Name(), path); errors.Is(err, fs.ErrExist) {
			err = nil
		}
	}
	return errors.Join(err, os.Remove(f.Name()))
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
