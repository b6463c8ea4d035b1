// The cluster-version operator's rules for a release signature, on its own OpenPGP engine: what openshift/library-go,
// pkg/verify does with a keyring and a file. Reads one JSON question a line, and answers each with a line.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/crypto/openpgp"
)

type question struct {
	Keyring   []byte `json:"keyring"`
	Digest    string `json:"digest"`
	Signature []byte `json:"signature"`
}

type answer struct {
	// Why the keyring cannot be loaded; empty if it can.
	Keyring string `json:"keyring"`
	// By oc-mirror, which reads armor only.
	Armored string `json:"armored"`
	Keys    []string `json:"keys"`
	// Why the signature is refused; empty if it is accepted.
	Refused string `json:"refused"`
	// Why oc-mirror stops at the signature; empty if it goes on.
	Stopped string `json:"stopped"`
}

type payload struct {
	Critical struct {
		Type  string `json:"type"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
	} `json:"critical"`
	Optional struct {
		Creator   string `json:"creator"`
		Timestamp int64  `json:"timestamp"`
	} `json:"optional"`
}

// As oc-mirror declares it: without the time.
type mirrored struct {
	Critical struct {
		Type  string `json:"type"`
		Image struct {
			Digest string `json:"docker-manifest-digest"`
		} `json:"image"`
		Identity struct {
			Reference string `json:"docker-reference"`
		} `json:"identity"`
	} `json:"critical"`
	Optional struct {
		Creator string `json:"creator"`
	} `json:"optional"`
}

func load(data []byte) (openpgp.EntityList, error) {
	keyring, err := openpgp.ReadArmoredKeyRing(bytes.NewReader(data))
	if err == nil {
		return keyring, nil
	}
	return openpgp.ReadKeyRing(bytes.NewReader(data))
}

func open(signature []byte, keyring openpgp.EntityList) ([]byte, error) {
	details, err := openpgp.ReadMessage(bytes.NewReader(signature), keyring, nil, nil)
	if err != nil {
		return nil, err
	}
	if !details.IsSigned {
		return nil, errors.New("not signed")
	}
	content, err := io.ReadAll(details.UnverifiedBody)
	if err != nil {
		return nil, err
	}
	if details.SignatureError != nil {
		return nil, details.SignatureError
	}
	if details.SignedBy == nil {
		return nil, errors.New("unknown signer")
	}
	if details.Signature == nil && details.SignatureV3 == nil {
		return nil, errors.New("no signature")
	}
	if details.Signature != nil && details.Signature.SigLifetimeSecs != nil {
		lifetime := time.Duration(*details.Signature.SigLifetimeSecs) * time.Second
		if time.Now().After(details.Signature.CreationTime.Add(lifetime)) {
			return nil, errors.New("expired")
		}
	}
	return content, nil
}

func verify(q question, keyring openpgp.EntityList) error {
	content, err := open(q.Signature, keyring)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	var signed payload
	if err := decoder.Decode(&signed); err != nil {
		return err
	}
	if signed.Critical.Type != "atomic container signature" {
		return errors.New("wrong type")
	}
	if signed.Critical.Identity.Reference == "" {
		return errors.New("no identity")
	}
	if signed.Critical.Image.Digest != q.Digest {
		return errors.New("wrong digest")
	}
	return nil
}

// Up to the point where oc-mirror parses the name of the image.
func mirror(q question, keyring openpgp.EntityList) error {
	details, err := openpgp.ReadMessage(bytes.NewReader(q.Signature), keyring, nil, nil)
	if err != nil || details == nil {
		return fmt.Errorf("cannot be read: %v", err)
	}
	if !details.IsSigned {
		return errors.New("not signed")
	}
	if details.SignedBy == nil {
		return errors.New("unknown signer")
	}
	content, err := io.ReadAll(details.UnverifiedBody)
	if err != nil {
		return err
	}
	var signed mirrored
	if err := json.Unmarshal(content, &signed); err != nil {
		return err
	}
	if details.Signature == nil && details.SignatureV3 == nil {
		return errors.New("no signature")
	}
	return nil
}

// A crafted key or message must not end the comparison: a panic is an answer.
func guard(run func() error) (err error) {
	defer func() {
		if fault := recover(); fault != nil {
			err = fmt.Errorf("panic: %v", fault)
		}
	}()
	return run()
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func main() {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 1 {
			var q question
			if err := json.Unmarshal(line, &q); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(2)
			}
			var a answer
			var keyring, armored openpgp.EntityList
			a.Keyring = text(guard(func() (err error) { keyring, err = load(q.Keyring); return }))
			a.Armored = text(guard(func() (err error) {
				armored, err = openpgp.ReadArmoredKeyRing(bytes.NewReader(q.Keyring))
				return
			}))
			a.Keys = []string{}
			for _, entity := range keyring {
				a.Keys = append(a.Keys, fmt.Sprintf("%X", entity.PrimaryKey.Fingerprint))
			}
			a.Refused = text(guard(func() error { return verify(q, keyring) }))
			a.Stopped = text(guard(func() error { return mirror(q, armored) }))
			out.Encode(a)
		}
		if err != nil {
			return
		}
	}
}
