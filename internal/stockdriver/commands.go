package stockdriver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Command is a packet that the server answers with OK or with an error, and never
// with rows.
type Command struct {
	code byte
	text string
}

// Commands of the protocol (MySQL source code documentation, "Command Phase").
const (
	comQuery           = 0x03
	comPing            = 0x0e
	comSetOption       = 0x1b
	comResetConnection = 0x1f
)

// ResetConnection is COM_RESET_CONNECTION, which the stock driver has no way to
// send.
var ResetConnection = Command{code: comResetConnection}

// Ping is COM_PING.
var Ping = Command{code: comPing}

// MultiStatementsOn and MultiStatementsOff are COM_SET_OPTION: whether a text may be several
// statements from now on, as with the stock driver's multiStatements.
var (
	MultiStatementsOn  = Command{comSetOption, "\x00\x00"}
	MultiStatementsOff = Command{comSetOption, "\x01\x00"}
)

// Query is a statement that returns no rows.
func Query(text string) Command { return Command{comQuery, text} }

// Text returns the text of a [Query]; ok is false for another command.
func (c Command) Text() (text string, ok bool) { return c.text, c.code == comQuery }

// Limits of the packets of a protocol without compression.
const (
	headerSize = 4         // three bytes of length, a sequence number
	maxPayload = 1<<24 - 1 // a longer packet would be sent in parts
	maxAnswer  = 64 << 10  // greater than any OK or error packet
)

// Kinds of answers, by their first byte.
const (
	okAnswer  = 0x00
	eofAnswer = 0xfe // to COM_SET_OPTION
	errAnswer = 0xff
)

// eofSize is the size of an EOF packet: its kind, warnings, flags. A longer one is an OK
// packet of that kind (CLIENT_DEPRECATE_EOF).
const eofSize = 5

// ErrNoSocket means that commands cannot be sent to a connection of which
// [Conn.Socket] is not known.
var ErrNoSocket = errors.New("mysqlpool: the connection's socket is not known")

// Run sends the commands in one write and then reads all their answers: one round
// trip, however many they are. The server runs each of them, also after one that it
// refused. refused has the server's error for each command, nil for one that it ran,
// as *mysql.MySQLError.
//
// After any other error, of ctx's end among them, the connection is of no use; refused
// has the answers that came. Until then nobody else may use the
// connection. Status follows the last OK answer.
func (f Conn) Run(ctx context.Context, commands ...Command) (refused []error, err error) {
	if f.Socket == nil {
		return nil, ErrNoSocket
	}
	packets, err := encode(commands)
	if err != nil {
		return nil, err
	}
	// The stock driver leaves the deadlines of readTimeout and writeTimeout.
	if err := f.Socket.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		f.Socket.SetDeadline(time.Unix(1, 0))
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted
			f.Socket.SetDeadline(time.Time{}) // so that COM_QUIT can be sent
			err = ctx.Err()
		}
	}()
	if _, err := f.Socket.Write(packets); err != nil {
		return nil, err
	}
	refused = make([]error, 0, len(commands))
	for _, c := range commands {
		serverErr, err := f.readAnswer(c)
		if err != nil {
			return refused, err
		}
		refused = append(refused, serverErr)
	}
	return refused, nil
}

// encode returns the commands as packets, each with a sequence of its own.
func encode(commands []Command) ([]byte, error) {
	size := 0
	for _, c := range commands {
		size += headerSize + 1 + len(c.text)
	}
	packets := make([]byte, 0, size)
	for _, c := range commands {
		n := 1 + len(c.text)
		if n > maxPayload {
			return nil, fmt.Errorf("mysqlpool: a statement of %d bytes: want at most %d", len(c.text), maxPayload-1)
		}
		packets = append(packets, byte(n), byte(n>>8), byte(n>>16), 0, c.code)
		packets = append(packets, c.text...)
	}
	return packets, nil
}

// readAnswer reads the answer to a command. serverErr is the server's error.
func (f Conn) readAnswer(c Command) (serverErr, err error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(f.Socket, header[:]); err != nil {
		return nil, err
	}
	n := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if n == 0 || n > maxAnswer || header[3] != 1 {
		return nil, fmt.Errorf("mysqlpool: answer to a command: got %d bytes as packet %d, want some as packet 1", n, header[3])
	}
	answer := make([]byte, n)
	if _, err := io.ReadFull(f.Socket, answer); err != nil {
		return nil, err
	}
	switch {
	case answer[0] == okAnswer:
		return nil, f.status.accept(answer[1:])
	case answer[0] == eofAnswer && c.code == comSetOption && n == eofSize:
		return nil, f.status.acceptFlags(answer[3:])
	case answer[0] == eofAnswer && c.code == comSetOption:
		return nil, f.status.accept(answer[1:])
	case answer[0] == errAnswer && len(answer) >= 3:
		return parseError(answer[1:]), nil
	}
	return nil, fmt.Errorf("mysqlpool: answer to a command: got a packet of kind %#x, want OK or an error", answer[0])
}

// accept notes the flags of an OK packet, of which ok is what follows its kind:
// affected rows and the last id as integers of variable length, then the flags.
func (s Status) accept(ok []byte) error {
	for range 2 {
		n := intSize(ok)
		if n == 0 || len(ok) < n {
			return errors.New("mysqlpool: answer to a command: the OK packet is too short")
		}
		ok = ok[n:]
	}
	return s.acceptFlags(ok)
}

func (s Status) acceptFlags(b []byte) error {
	if len(b) < 2 {
		return errors.New("mysqlpool: answer to a command: the OK packet has no status flags")
	}
	flags := binary.LittleEndian.Uint16(b)
	if flags&StatusMoreResults != 0 {
		return errors.New("mysqlpool: answer to a command: got several results, want one")
	}
	if s.word != nil {
		*s.word = flags
	}
	return nil
}

// intSize returns the size of an integer of variable length (MySQL source code
// documentation, "Protocol::LengthEncodedInteger"); 0 if there is none.
func intSize(b []byte) int {
	switch {
	case len(b) == 0:
		return 0
	case b[0] < 0xfb:
		return 1
	case b[0] == 0xfc:
		return 3
	case b[0] == 0xfd:
		return 4
	case b[0] == 0xfe:
		return 9
	}
	return 0
}

// parseError returns an error packet, of which b is what follows its kind, as the
// stock driver does.
func parseError(b []byte) error {
	err := &mysql.MySQLError{Number: binary.LittleEndian.Uint16(b)}
	text := b[2:]
	if len(text) > len(err.SQLState) && text[0] == '#' {
		text = text[1+copy(err.SQLState[:], text[1:]):]
	}
	err.Message = string(text)
	return err
}
