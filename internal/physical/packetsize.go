package physical

import (
	"context"
	"errors"

	"github.com/go-sql-driver/mysql"
	"github.com/mysqlpool/mysqlpool/internal/mysqlerr"
)

// packetOverhead is how much more than its text a packet counts, in bytes, and a
// little to spare.
const packetOverhead = 16

// maxText is how long a text of the pool may be, in bytes; 0 if all of them may be sent. The stock driver refuses packets longer than maxAllowedPacket, and a
// server that gets one longer than max_allowed_packet ends the session.
func (p *Conn) maxText() int {
	limit := p.maxPacket
	if limit == 0 {
		limit = p.Host.Cfg.MaxAllowedPacket
	}
	if p.cautious || p.Host.Server.TakesSmallPackets() {
		limit = leastServerPacket
	}
	if s := p.Host.Learned.Load(); s != nil && s.MaxPacket > 0 && (limit == 0 || s.MaxPacket < limit) {
		limit = s.MaxPacket
	}
	if limit == 0 || limit > 64<<10 {
		return 0
	}
	return max(limit-packetOverhead, 1)
}

// leastServerPacket is the least limit that a server can be configured with: both
// max_allowed_packet and net_buffer_length, of which the greater counts, are
// 1,024 or more (MySQL manual, "Server System Variables").
const leastServerPacket = 1024

// asking notes the length of a text that is about to be sent in a login.
func (p *Conn) asking(text string) { p.unsureLarge = len(text) > leastServerPacket-packetOverhead }

// MayBeTooLarge reports whether a login may have failed because the server, or a proxy
// before it, got too large a packet. The server sends an error for that if it can; mostly
// the connection breaks first.
func (p *Conn) MayBeTooLarge(ctx context.Context, err error) bool {
	switch {
	case p.cautious || ctx.Err() != nil:
		return false
	case mysqlerr.Number(err) == mysqlerr.PacketTooLarge:
		return true
	}
	return p.unsureLarge && mysqlerr.Number(err) == 0 && (errors.Is(err, mysql.ErrInvalidConn) || !p.IsValid())
}
