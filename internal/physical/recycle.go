package physical

import (
	"math/rand/v2"
	"time"

	"github.com/mysqlpool/mysqlpool/internal/dsn"
	"github.com/mysqlpool/mysqlpool/internal/serverinfo"
)

// GreatestAge is the age at which a connection that is opened now is closed, shortened by
// up to 2.5 % so that connections opened together do not expire together; 0 means that it
// has none.
func (p *Conn) GreatestAge() time.Duration {
	life := p.Shared.Recycle
	if life == dsn.Auto {
		wait := serverinfo.DefaultWaitTimeout
		if s := p.Host.Learned.Load(); s != nil {
			wait = s.WaitTimeout
		}
		if set, ok := serverinfo.WaitTimeoutOf(p.config.Params["wait_timeout"]); ok {
			wait = set
		}
		life = recycleAfter(wait)
	}
	if life <= 0 {
		return 0
	}
	return life - rand.N(life/40+1)
}

// maxAutoRecycle bounds the greatest age unless pool_recycle sets it: an account that
// was revoked, or a global variable that was changed, must not live on for wait_timeout,
// which is 8 hours by default.
const maxAutoRecycle = time.Hour

// recycleAfter is one second less than the server's wait_timeout, and maxAutoRecycle
// at most. Of the shortest, which is one second, it leaves half.
func recycleAfter(waitTimeout time.Duration) time.Duration {
	return min(max(waitTimeout-time.Second, waitTimeout/2), maxAutoRecycle)
}
