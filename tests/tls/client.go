// Asks a gateway for its page over TLS, by Go's own implementation, and prints what was negotiated
// as JSON.
//
//	client PORT CERTIFICATE [classical|tls12]
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
)

func main() {
	log.SetFlags(0)
	certificate, err := os.ReadFile(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(certificate) {
		log.Fatal("no certificate")
	}
	for _, option := range os.Args[3:] {
		switch option {
		case "classical":
			config.CurvePreferences = []tls.CurveID{tls.X25519}
		case "tls12":
			config.MaxVersion = tls.VersionTLS12
		}
	}
	connection, err := tls.Dial("tcp", "127.0.0.1:"+os.Args[1], config)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprint(connection, "GET /en HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	answer, err := io.ReadAll(connection)
	if err != nil {
		log.Fatal(err)
	}
	state := connection.ConnectionState()
	json.NewEncoder(os.Stdout).Encode(map[string]string{
		"protocol": tls.VersionName(state.Version),
		"group":    state.CurveID.String(),
		"answer":   string(answer),
	})
}
