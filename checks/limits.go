package checks

// A Limit is something that a gate can miss although every part of it works.
type Limit struct {
	ID   string // permanent, kebab-case: "one-person"
	Text string // one or two sentences
}

// Limits lists what can be missed, widest reach first. What a run can say of itself, it
// says under the verdict's first line as a blind spot.
func Limits() []Limit {
	return []Limit{
		{"corpus", "What the corpus does not make a build send. A fault that only other data, another configuration or another day brings about is not seen."},
		{"both-replays", "A fault that every replay of production shows alike: it is taken for what is right."},
		{"race", "A race that this run did not lose. The larger the run and its concurrency, the less likely; a scenario of kind \"contention\" makes requests meet, and says how rare a race may be that it missed."},
		{"after-quiet", "What a build sends after the replay ended. It is watched for a while after it was taken for quiet ([replay] linger), and what it sends then makes the verdict undecided; a job that is due an hour later is not seen."},
		{"unreplayed", "What production does because of WebSockets and tunnels (CONNECT). They are counted when traffic is recorded, and make no stimulus."},
		{"outside", "What does not pass a sink and is no answer to a stimulus: files, push services that no sink stands for, what scripts do in a browser, and everything that a build which is not sealed sends elsewhere."},
		{"answers", "What is answered to anybody but who asked for it in the corpus: without a scenario of kind \"cache\", what a cache in front of the build would show to the next person is told only by who may keep an answer. The output of jobs, and an answer that was recorded and replayed by no build (baseline = \"recorded\"), is not compared."},
		{"unanchored", "Whose a value is that is new in each replay, stands once and belongs to no cause. Two people's one-time links, exchanged, look like two new links, unless they are asked for ([follow]) and the answer shows whose they are. So do two ids of messages or requests that are hidden by their shape (Message-ID, idempotency keys, trace ids), wherever else they stand."},
		{"shards", "What one session makes a build do for the people of another, where the replay is split: sessions of two shards never meet. A scenario with whole = true is replayed by one shard."},
		{"opaque", "What cannot be read. Bytes of an unknown form that vary are a gap, unless they are accepted; a ciphertext whose form says that it is one is a blind spot: how often each is sent one is compared, and for whose keys where that can be read, but not which of them gets which."},
		{"arrival", "Values that production's replays give to one message and to another: those that follow the order in which requests arrive, such as a counter under concurrency, and those drawn out of few, such as a variant or the name of a machine, where a fault exchanges two of them."},
		{"order", "The order of messages, at sinks that are not declared to be ordered: it is compared only among messages of one cause to one recipient, where at least 20 pairs over two or more replays of production kept it, and in a long run only for a part of the causes. Within a message, the order of the elements of a list, of links and of lines, where production itself gives the same ones in another order to one message; which they are is compared."},
		{"time", "When a message is sent. Time of arrival is not compared, nor are due times that differ between replays of production, or that are as far from the sending of their message, within a minute, as in production; a date or a time of day in UTC, or with its zone, that is within a minute of the sending of its message counts as read from the clock; a mail whose Date is more than two days off is compared."},
		{"wording", "Prose that is wrong for everybody. An edit of running text alike for two people or more that holds nobody's facts and nothing that addresses, pays or identifies is a note."},
		{"weak-facts", "Facts that do not identify: a word, a short number or a first name that many people in the corpus share is not told apart as somebody's."},
		{"organisation", "Whether an address, number or host that is the same in all of production's messages is right. A constant is compared with production's, not with the world."},
		{"recipients", "Whom a request to an outside party is about, where only its host is known. The request is compared; the person in it is not named."},
		{"pictures", "What is written in pictures, sound and scanned pages. Their bytes are compared; nobody's facts are looked for in what they show."},
		{"masks", "What a user's mask hides, unless it holds an address, an account, a telephone number or a fact that belongs to somebody in production, or is itself, or has a piece that is, what every replay gives to one person alone. A piece of fewer than five characters is known where each value has one at the same place. Where nothing of such a place recurs in staging, it is taken for what that build makes by a key of its own."},
	}
}
