// Package api is the service of the story: handlers that keep things in Firestore.
package api

import (
	"context"
	"net/http"
	"os"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const project = "story"

// API has the client that handlers are meant to use.
type API struct {
	client *firestore.Client
	fixed  bool
}

// New connects to the store at this address.
func New(ctx context.Context, server string, fixed bool) (*API, error) {
	os.Setenv("FIRESTORE_EMULATOR_HOST", server)
	client, err := firestore.NewClient(ctx, project)
	return &API{client, fixed}, err
}

// Register returns the paths of the handlers.
func (a *API) Register(mux *http.ServeMux) []string {
	handlers := map[string]func(context.Context) error{
		"/users/get":     a.GetUser,
		"/users/create":  a.CreateUser,
		"/orders/list":   a.ListOrders,
		"/orders/create": a.CreateOrder,
		"/carts/get":     a.GetCart,
		"/carts/put":     a.PutCart,
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

func read(ctx context.Context, document *firestore.DocumentRef) error {
	_, err := document.Get(ctx)
	if status.Code(err) == codes.NotFound {
		return nil
	}
	return err
}

func write(ctx context.Context, document *firestore.DocumentRef) error {
	_, err := document.Set(ctx, map[string]any{"name": "somebody", "count": 3})
	return err
}

// GetUser and its like use the client of the service.
func (a *API) GetUser(ctx context.Context) error { return read(ctx, a.client.Doc("users/1")) }

// ListOrders reads.
func (a *API) ListOrders(ctx context.Context) error { return read(ctx, a.client.Doc("orders/1")) }

// CreateOrder writes.
func (a *API) CreateOrder(ctx context.Context) error { return write(ctx, a.client.Doc("orders/2")) }

// GetCart reads.
func (a *API) GetCart(ctx context.Context) error { return read(ctx, a.client.Doc("carts/1")) }

// PutCart writes.
func (a *API) PutCart(ctx context.Context) error { return write(ctx, a.client.Doc("carts/2")) }
