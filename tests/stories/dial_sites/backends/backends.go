// Package backends asks ten services, each at a call site of its own.
package backends

import (
	"context"
	"net/http"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Backends keeps one connection for each service.
type Backends struct {
	server string
	fixed  bool
	mutex  sync.Mutex
	kept   map[string]*grpc.ClientConn
}

// New connects when it is first asked.
func New(server string, fixed bool) *Backends {
	return &Backends{server: server, fixed: fixed, kept: map[string]*grpc.ClientConn{}}
}

// Register returns the paths of the handlers.
func (b *Backends) Register(mux *http.ServeMux) []string {
	handlers := map[string]func(context.Context) error{
		"/billing": b.Billing, "/stock": b.Stock, "/prices": b.Prices, "/mail": b.Mail, "/search": b.Search,
		"/taxes": b.Taxes, "/users": b.Users, "/audit": b.Audit, "/images": b.Images, "/reviews": b.Reviews,
	}
	var paths []string
	for path, handle := range handlers {
		paths = append(paths, path)
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			if err := handle(r.Context()); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		})
	}
	return paths
}

// shared is how it is meant: one connection for each service.
func (b *Backends) shared(name string) (*grpc.ClientConn, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if connection, has := b.kept[name]; has {
		return connection, nil
	}
	connection, err := grpc.NewClient(b.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err == nil {
		b.kept[name] = connection
	}
	return connection, err
}

func (b *Backends) askShared(ctx context.Context, name string) error {
	connection, err := b.shared(name)
	if err != nil {
		return err
	}
	_, err = healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}
