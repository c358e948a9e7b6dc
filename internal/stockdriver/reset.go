package stockdriver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ComResetConnection is the packet COM_RESET_CONNECTION: three bytes of length,
// a sequence number, the command (MySQL manual, "COM_RESET_CONNECTION" in the
// source code documentation). The stock driver has no way to send it.
var ComResetConnection = []byte{1, 0, 0, 0, 0x1f}

// ErrNoReset means that COM_RESET_CONNECTION cannot be sent.
var ErrNoReset = errors.New("mysqlpool: the connection cannot be reset")

// maxAnswer bounds the answer to a command without rows.
const maxAnswer = 64 << 10

// ResetConnection has the server drop the state of the session. It returns the
// server's error as the stock driver does. After any other error, ctx's among
// them, the connection is of no use. The stock driver's copy of the server's
// status is old until the next statement.
func ResetConnection(ctx context.Context, socket net.Conn) (err error) {
	if socket == nil {
		return ErrNoReset
	}
	if err := socket.SetDeadline(time.Time{}); err != nil { // the stock driver leaves old ones of readTimeout and writeTimeout
		return err
	}
	cut := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		socket.SetDeadline(time.Unix(1, 0))
		close(cut)
	})
	defer func() {
		if !stop() {
			<-cut
			socket.SetDeadline(time.Time{}) // so that COM_QUIT can be sent
			err = ctx.Err()
		}
	}()
	if _, err := socket.Write(ComResetConnection); err != nil {
		return err
	}
	var header [4]byte
	if _, err := io.ReadFull(socket, header[:]); err != nil {
		return err
	}
	n := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if n == 0 || n > maxAnswer || header[3] != 1 {
		return fmt.Errorf("mysqlpool: answer to COM_RESET_CONNECTION: got %d bytes as packet %d, want some as packet 1", n, header[3])
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(socket, answer); err != nil {
		return err
	}
	return resetAnswer(answer)
}

// resetAnswer reads an OK or an ERR packet.
func resetAnswer(answer []byte) error {
	switch {
	case answer[0] == 0:
		return nil
	case answer[0] == 0xff && len(answer) >= 3:
		err := &mysql.MySQLError{Number: binary.LittleEndian.Uint16(answer[1:])}
		text := answer[3:]
		if len(text) > len(err.SQLState) && text[0] == '#' {
			text = text[1+copy(err.SQLState[:], text[1:]):]
		}
		err.Message = string(text)
		return err
	}
	return fmt.Errorf("mysqlpool: answer to COM_RESET_CONNECTION: got a packet of kind %#x, want OK or an error", answer[0])
}
