package api

import (
	"context"

	"cloud.google.com/go/firestore"
)

// CreateUser is the guilty one: a client for each request, none closed.
func (a *API) CreateUser(ctx context.Context) error {
	if a.fixed {
		return write(ctx, a.client.Doc("users/2"))
	}
	client, err := firestore.NewClient(context.Background(), project)
	if err != nil {
		return err
	}
	return write(ctx, client.Doc("users/2"))
}
