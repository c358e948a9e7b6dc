package mysqlpool

import "github.com/mysqlpool/mysqlpool/internal/failover"

// targetMode is a value of pool_target.
type targetMode string

const (
	targetAuto          targetMode = "auto"
	targetPrimary       targetMode = "primary"
	targetReplica       targetMode = "replica"
	targetPreferReplica targetMode = "prefer_replica"
	targetAny           targetMode = "any"
)

var hostTargets = map[targetMode]failover.Target{
	targetAuto: failover.Auto, targetPrimary: failover.Primary, targetReplica: failover.Replica,
	targetPreferReplica: failover.PreferReplica, targetAny: failover.Any,
}

func (t targetMode) hosts() failover.Target { return hostTargets[t] }

func setTarget(o *options, v string) bool {
	o.target = targetMode(v)
	_, ok := hostTargets[o.target]
	return ok
}
