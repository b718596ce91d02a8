// server: what the stories talk to, over loopback: the few calls of Firestore that they make, a gRPC health service, and HTTPS.
// Prints one line of JSON with the addresses, and ends with its standard input.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// store answers that all was written, and finds nothing.
type store struct {
	firestorepb.UnimplementedFirestoreServer
}

func (*store) Commit(_ context.Context, request *firestorepb.CommitRequest) (*firestorepb.CommitResponse, error) {
	now := timestamppb.Now()
	response := &firestorepb.CommitResponse{CommitTime: now}
	for range request.Writes {
		response.WriteResults = append(response.WriteResults, &firestorepb.WriteResult{UpdateTime: now})
	}
	return response, nil
}

func (*store) BatchGetDocuments(request *firestorepb.BatchGetDocumentsRequest, stream firestorepb.Firestore_BatchGetDocumentsServer) error {
	for _, name := range request.Documents {
		err := stream.Send(&firestorepb.BatchGetDocumentsResponse{
			Result:   &firestorepb.BatchGetDocumentsResponse_Missing{Missing: name},
			ReadTime: timestamppb.Now(),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func selfSigned() tls.Certificate {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(24 * time.Hour), DNSNames: []string{"localhost"}}
	return tls.Certificate{Certificate: [][]byte{must(x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))}, PrivateKey: key}
}

func main() {
	listen := func() net.Listener { return must(net.Listen("tcp", "127.0.0.1:0")) }
	grpcListener, httpsListener := listen(), listen()
	services := grpc.NewServer()
	firestorepb.RegisterFirestoreServer(services, &store{})
	healthpb.RegisterHealthServer(services, health.NewServer())
	go services.Serve(grpcListener)
	answers := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello") })
	go http.Serve(tls.NewListener(httpsListener, &tls.Config{Certificates: []tls.Certificate{selfSigned()}}), answers)

	json.NewEncoder(os.Stdout).Encode(map[string]string{"grpc": grpcListener.Addr().String(), "https": httpsListener.Addr().String()})
	io.Copy(io.Discard, os.Stdin)
}
