package smtp

import "net"

// A conduit is a client's connection as a session sees it: its methods look as if
// they blocked, and what they block is for the conduit to say.
type conduit interface {
	net.Conn

	// apart says that what the session does next may take long, and must not keep
	// others waiting: until its next wait for the client, or for good.
	apart(forGood bool)

	// sever breaks the connection off. Unlike the other methods it may be called
	// while the session is under way.
	sever()
}

// A threaded conduit has a goroutine of its own: it keeps nobody waiting.
type threaded struct{ net.Conn }

func (threaded) apart(bool) {}
func (t threaded) sever()   { t.Close() }
