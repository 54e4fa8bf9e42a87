package tape

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"filippo.io/age"
	"filippo.io/age/agessh"
	"filippo.io/age/plugin"
	"filippo.io/age/tag"
)

// Keys read encrypted tapes, and others as well: their methods are the functions of
// this package of the same names, which have no keys. The zero value is no keys.
// Copies share what they have learnt: an identity is asked once for each tape.
type Keys struct{ ring *ring }

type ring struct {
	identities []age.Identity
	names      []string // of them: fingerprints, where they have one

	mu      sync.Mutex
	secrets map[[sha256.Size]byte]string // of tapes, by the digest of their key block
}

// maxIdentities bounds the length of a file of identities, in bytes.
const maxIdentities = 1 << 20

// ReadKeys reads the identities of the file at path: an SSH private key (ssh-ed25519
// or ssh-rsa), or lines as age-keygen writes them, AGE-SECRET-KEY-... and
// AGE-PLUGIN-...; lines that are empty or begin with # are passed over. None may
// have a passphrase. Errors tell nothing of what the file holds.
//
// tell is told what the program of a plugin has to say to a person, such as that a
// token is to be touched; nil is nobody.
func ReadKeys(path string, tell func(message string)) (Keys, error) {
	f, err := os.Open(path)
	if err != nil {
		return Keys{}, fmt.Errorf("read identities: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxIdentities+1))
	if err != nil {
		return Keys{}, fmt.Errorf("read identities: %w", err)
	}
	r := &ring{secrets: map[[sha256.Size]byte]string{}}
	if err := r.parse(data, dialogue(tell)); err != nil {
		return Keys{}, fmt.Errorf("read identities %s: %w", path, err)
	}
	return Keys{r}, nil
}

// Any reports whether there are identities.
func (k Keys) Any() bool { return k.ring != nil && len(k.ring.identities) > 0 }

// names are those of the identities.
func (k Keys) names() []string {
	if k.ring == nil {
		return nil
	}
	return k.ring.names
}

func (r *ring) parse(data []byte, ui *plugin.ClientUI) error {
	const begin, native = "-----BEGIN", "age-encryption.org/"
	switch {
	case len(data) > maxIdentities:
		return fmt.Errorf("it is longer than %d bytes", maxIdentities)
	case bytes.HasPrefix(data, []byte(native)), bytes.HasPrefix(data, []byte(begin+" AGE ")):
		return errors.New("it is encrypted itself: decrypt it, or use a plugin")
	case bytes.HasPrefix(data, []byte(begin)):
		id, err := agessh.ParseIdentity(data)
		if err != nil {
			return errors.New("it is not an SSH private key of type ed25519 or RSA without a passphrase")
		}
		r.identities, r.names = []age.Identity{id}, []string{"an SSH key"}
		return nil
	}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		id, name, err := parseIdentity(line, ui)
		if err != nil { // which may quote the line
			return fmt.Errorf("line %d is not an identity, which begins with AGE-SECRET-KEY- or AGE-PLUGIN-", i+1)
		}
		r.identities, r.names = append(r.identities, id), append(r.names, name)
	}
	if len(r.identities) == 0 {
		return errors.New("it holds no identity")
	}
	return nil
}

// parseIdentity gives the identity of one line and the name that it has in errors.
func parseIdentity(line string, ui *plugin.ClientUI) (age.Identity, string, error) {
	switch {
	case strings.HasPrefix(line, "AGE-PLUGIN-"):
		id, err := plugin.NewIdentity(line, ui)
		if err != nil {
			return nil, "", err
		}
		return id, "plugin " + id.Name(), nil
	case strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1"):
		id, err := age.ParseHybridIdentity(line)
		if err != nil {
			return nil, "", err
		}
		return id, fingerprint(id.Recipient().String()), nil
	}
	id, err := age.ParseX25519Identity(line)
	if err != nil {
		return nil, "", err
	}
	return id, fingerprint(id.Recipient().String()), nil
}

// parseRecipients gives recipients and their fingerprints.
func parseRecipients(list []string) ([]age.Recipient, []string, error) {
	var recipients []age.Recipient
	var prints []string
	for _, s := range list {
		s = strings.TrimSpace(s)
		r, err := parseRecipient(s)
		if err != nil {
			if strings.HasPrefix(s, "AGE-") {
				s, err = "AGE-...", errors.New("it is an identity, which is secret: give the recipient of it, which begins with age1")
			}
			return nil, nil, fmt.Errorf("recipient %q: %w", clip(s), err)
		}
		recipients, prints = append(recipients, r), append(prints, fingerprint(s))
	}
	return recipients, prints, nil
}

// CheckRecipients says which of list is not a recipient: see [Options].
func CheckRecipients(list []string) error {
	_, _, err := parseRecipients(list)
	return err
}

func parseRecipient(s string) (age.Recipient, error) {
	switch {
	case strings.HasPrefix(s, "ssh-"):
		return agessh.ParseRecipient(s)
	case strings.HasPrefix(s, "age1tag1"), strings.HasPrefix(s, "age1tagpq1"):
		return tag.ParseRecipient(s)
	case strings.HasPrefix(s, "age1pq1"):
		return age.ParseHybridRecipient(s)
	case strings.HasPrefix(s, "age1") && strings.Count(s, "1") > 1:
		return plugin.NewRecipient(s, dialogue(nil))
	case strings.HasPrefix(s, "age1"):
		return age.ParseX25519Recipient(s)
	}
	return nil, errors.New("it must begin with age1, ssh-ed25519 or ssh-rsa")
}

// fingerprint is a short name of a recipient: the first 8 bytes of SHA-256 over its
// text, of an SSH key without the comment.
func fingerprint(recipient string) string {
	if fields := strings.Fields(recipient); len(fields) > 2 {
		recipient = fields[0] + " " + fields[1]
	}
	sum := sha256.Sum256([]byte(recipient))
	return hex.EncodeToString(sum[:8])
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}

// dialogue is what the program of a plugin may ask for: to be heard, and nothing else.
func dialogue(tell func(string)) *plugin.ClientUI {
	refuse := errors.New("nobody is there to be asked")
	say := func(name, message string) error {
		if tell != nil {
			tell("age-plugin-" + name + ": " + message)
		}
		return nil
	}
	return &plugin.ClientUI{
		DisplayMessage: say,
		RequestValue:   func(name, prompt string, _ bool) (string, error) { return "", errors.Join(say(name, prompt), refuse) },
		Confirm:        func(name, prompt, _, _ string) (bool, error) { return false, errors.Join(say(name, prompt), refuse) },
		WaitTimer:      func(name string) { _ = say(name, "waiting") },
	}
}

// secretOf gives the secret of a tape with such a key block. The error is a
// *[KeyError] where no identity fits.
func (k Keys) secretOf(path string, b *keyBlock) (string, error) {
	refused := &KeyError{Path: path, Recipients: b.Recipients, Given: k.names()}
	if !k.Any() {
		return "", refused
	}
	k.ring.mu.Lock()
	defer k.ring.mu.Unlock()
	id := sha256.Sum256(b.bytes)
	if s, ok := k.ring.secrets[id]; ok {
		return s, nil
	}
	s, err := b.open(k.ring.identities)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return "", refused
	}
	if err != nil {
		return "", fmt.Errorf("open tape %s: its key: %w", path, err)
	}
	k.ring.secrets[id] = s
	return s, nil
}

// Read makes sure that the keys read what is written for recipients: tapes with
// these as their [Options].Recipients. The error is a *[KeyError] where they do not.
func (k Keys) Read(recipients []string) error {
	_, block, err := newKeyBlock(recipients)
	if err != nil {
		return err
	}
	b, err := parseKeyBlock(block)
	if err != nil {
		return err
	}
	_, err = k.secretOf("that is to be written", b)
	return err
}
