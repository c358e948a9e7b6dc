package dsn

import "github.com/mysqlpool/mysqlpool/internal/failover"

// TargetMode is a value of pool_target. What it means is in package failover.
type TargetMode string

const (
	TargetAuto          TargetMode = "auto"
	TargetPrimary       TargetMode = "primary"
	TargetReplica       TargetMode = "replica"
	TargetPreferReplica TargetMode = "prefer_replica"
	TargetAny           TargetMode = "any"
)

var hostTargets = map[TargetMode]failover.Target{
	TargetAuto: failover.Auto, TargetPrimary: failover.Primary, TargetReplica: failover.Replica,
	TargetPreferReplica: failover.PreferReplica, TargetAny: failover.Any,
}

func (t TargetMode) Hosts() failover.Target { return hostTargets[t] }

func setTarget(o *Options, v string) bool {
	o.Target = TargetMode(v)
	_, ok := hostTargets[o.Target]
	return ok
}
