// Package schema has the entities that ent generates code for.
package schema

import (
	"time"

	"entgo.io/ent"
	"entgo.io/ent/dialect"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
)

// Owner has pets.
type Owner struct{ ent.Schema }

// Fields of Owner.
func (Owner) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").Unique(),
		field.Uint64("score"),
		field.Time("born").SchemaType(map[string]string{dialect.MySQL: "datetime(6)"}),
		field.JSON("extra", map[string]any{}).Optional(),
		field.Time("seen").Optional().Nillable().UpdateDefault(func() time.Time { return time.Unix(1719830096, 0) }),
	}
}

// Edges of Owner.
func (Owner) Edges() []ent.Edge { return []ent.Edge{edge.To("pets", Pet.Type)} }

// Pet has one owner.
type Pet struct{ ent.Schema }

// Fields of Pet.
func (Pet) Fields() []ent.Field { return []ent.Field{field.String("name")} }

// Edges of Pet.
func (Pet) Edges() []ent.Edge { return []ent.Edge{edge.From("owner", Owner.Type).Ref("pets").Unique()} }
