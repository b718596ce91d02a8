package backends

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// Billing dials each time.
func (b *Backends) Billing(ctx context.Context) error {
	if b.fixed {
		return b.askShared(ctx, "billing")
	}
	connection, err := grpc.NewClient(b.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	_, err = healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

// Search dials each time.
func (b *Backends) Search(ctx context.Context) error {
	if b.fixed {
		return b.askShared(ctx, "search")
	}
	connection, err := grpc.NewClient(b.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	_, err = healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

// Audit dials each time.
func (b *Backends) Audit(ctx context.Context) error {
	if b.fixed {
		return b.askShared(ctx, "audit")
	}
	connection, err := grpc.NewClient(b.server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	_, err = healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
	return err
}

// Stock and the others reuse their connection.
func (b *Backends) Stock(ctx context.Context) error { return b.askShared(ctx, "stock") }

// Prices reuses.
func (b *Backends) Prices(ctx context.Context) error { return b.askShared(ctx, "prices") }

// Mail reuses.
func (b *Backends) Mail(ctx context.Context) error { return b.askShared(ctx, "mail") }

// Taxes reuses.
func (b *Backends) Taxes(ctx context.Context) error { return b.askShared(ctx, "taxes") }

// Users reuses.
func (b *Backends) Users(ctx context.Context) error { return b.askShared(ctx, "users") }

// Images reuses.
func (b *Backends) Images(ctx context.Context) error { return b.askShared(ctx, "images") }

// Reviews reuses.
func (b *Backends) Reviews(ctx context.Context) error { return b.askShared(ctx, "reviews") }
