package fields

// table holds the fields that are known by their whole name.
var table = []Field{
	// Who a mail shows as addressed: RFC 5322, 3.6.3 and 3.6.6.
	{Name: "to", Kind: Addresses, Owner: Role, Protected: true, Names: true},
	{Name: "cc", Kind: Addresses, Owner: Role, Protected: true, Names: true},
	{Name: "bcc", Kind: Addresses, Owner: Role, Protected: true, Names: true, Routes: true},
	{Name: "apparently-to", Kind: Addresses, Owner: Role, Protected: true, Names: true},
	{Name: "resent-to", Kind: Addresses, Owner: Role, Protected: true, Names: true},
	{Name: "resent-cc", Kind: Addresses, Owner: Role, Protected: true, Names: true},
	{Name: "resent-bcc", Kind: Addresses, Owner: Role, Protected: true, Names: true, Routes: true},
	{Name: "x-to", Owner: Role, Protected: true, Names: true, Routes: true},
	{Name: "x-cc", Owner: Role, Protected: true, Names: true, Routes: true},
	{Name: "x-bcc", Owner: Role, Protected: true, Names: true, Routes: true},

	// Where servers say that a mail went.
	{Name: "delivered-to", Kind: Addresses, Owner: Role, Protected: true},
	{Name: "x-original-to", Kind: Addresses, Owner: Role, Protected: true},
	{Name: "envelope-to", Kind: Addresses, Owner: Role, Protected: true},
	{Name: "x-envelope-to", Kind: Addresses, Owner: Role, Protected: true},
	{Name: "x-rcpt-to", Kind: Addresses, Owner: Role, Protected: true, Routes: true},
	{Name: "x-forwarded-to", Kind: Addresses, Owner: Role, Protected: true, Routes: true},

	// Who it is from and who gets the answers: RFC 5322, 3.6.2; RFC 8098, 2.1; RFC 5321, 4.4.
	{Name: "from", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "sender", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "reply-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "return-path", Kind: Addresses, Owner: ReplyPath, Protected: true},
	{Name: "resent-from", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "resent-sender", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "resent-reply-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "errors-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "disposition-notification-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "return-receipt-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "read-receipt-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "x-confirm-reading-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "mail-followup-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "mail-reply-to", Kind: Addresses, Owner: ReplyPath, Protected: true, Names: true},
	{Name: "x-envelope-from", Kind: Addresses, Owner: ReplyPath, Protected: true},
	{Name: "x-sender", Owner: ReplyPath, Protected: true, Names: true},
	{Name: "x-from", Owner: ReplyPath, Protected: true, Names: true},
	{Name: "x-original-from", Owner: ReplyPath, Protected: true, Names: true},
	{Name: "x-original-sender", Owner: ReplyPath, Protected: true, Names: true},

	// The envelope itself, as the SMTP decoder names its parts: RFC 5321 and RFC 3461.
	{Name: "envelope/from", Kind: Addresses, Owner: ReplyPath, Protected: true},
	{Name: "envelope/from-route", Kind: Addresses, Owner: ReplyPath, Protected: true, Routes: true},
	{Name: "envelope/to", Kind: Addresses, Owner: Role, Protected: true},
	{Name: "envelope/route", Kind: Addresses, Owner: Role, Protected: true, Routes: true},
	{Name: "envelope/orcpt", Owner: ReplyPath, Protected: true, Routes: true},
	{Name: "envelope/notify", Owner: ReplyPath, Protected: true, Routes: true},
	{Name: "envelope/ret", Owner: ReplyPath, Protected: true, Routes: true},
	{Name: "envelope/envid", Owner: ReplyPath, Protected: true},

	// Threads: RFC 5322, 3.6.4.
	{Name: "in-reply-to", Kind: Thread, Owner: ReplyPath},
	{Name: "references", Kind: Thread, Owner: ReplyPath},
	{Name: "thread-index", Owner: ReplyPath},
	{Name: "message-id", Kind: ID, Owner: ReplyPath},
	{Name: "resent-message-id", Kind: ID, Owner: ReplyPath},

	// Lists: RFC 2369 and RFC 2919.
	{Name: "list-post", Kind: List, Owner: ReplyPath, Protected: true},
	{Name: "list-owner", Kind: List, Owner: ReplyPath, Protected: true},
	{Name: "list-help", Kind: List, Owner: ReplyPath, Protected: true},
	{Name: "list-subscribe", Kind: List, Owner: ReplyPath, Protected: true},
	{Name: "list-unsubscribe", Kind: List, Owner: Links, Protected: true},
	{Name: "list-archive", Kind: List, Owner: Links, Protected: true},
	{Name: "list-id", Protected: true},
	{Name: "list-unsubscribe-post"},

	// What people read.
	{Name: "subject", Kind: Text},
	{Name: "comments", Kind: Text},
	{Name: "resent-comments", Kind: Text},
	{Name: "thread-topic", Kind: Text},

	// What is made for each message.
	{Name: "date", Kind: Date},
	{Name: "resent-date", Kind: Date},
	{Name: "delivery-date", Kind: Date},
	{Name: "x-date", Kind: Date},
	{Name: "received", Kind: Received},
	{Name: "x-received", Kind: Received},
	{Name: "received-spf", Kind: Results},
	{Name: "authentication-results", Kind: Results},
	{Name: "arc-authentication-results", Kind: Results},
	{Name: "dkim-signature", Kind: Signature},
	{Name: "x-google-dkim-signature", Kind: Signature},
	{Name: "domainkey-signature", Kind: Signature},
	{Name: "arc-seal", Kind: Signature},
	{Name: "arc-message-signature", Kind: Signature},

	// Of the entity that they stand in.
	{Name: "mime-version", Kind: MIME, Descriptive: true},
	{Name: "content-type", Kind: MIME},
	{Name: "content-disposition", Kind: MIME},
	{Name: "content-transfer-encoding", Kind: MIME},
	{Name: "content-id", Kind: MIME},
	{Name: "content-description", Kind: MIME},
	{Name: "content-length", Kind: MIME},
	{Name: "content-md5", Kind: MIME},

	// The software that sends, and what it understands.
	{Name: "x-mailer", Descriptive: true},
	{Name: "user-agent", Descriptive: true},
	{Name: "x-mimeole", Descriptive: true},
	{Name: "x-php-originating-script", Descriptive: true},
	{Name: "server", Descriptive: true},
	{Name: "x-powered-by", Descriptive: true},
	{Name: "server-timing", Descriptive: true},
	{Name: "x-generator", Descriptive: true},
	{Name: "x-client-info", Descriptive: true},
	{Name: "x-goog-api-client", Descriptive: true},
	{Name: "x-amz-user-agent", Descriptive: true},
	{Name: "amz-sdk-request", Descriptive: true},
	{Name: "sdkversion", Descriptive: true},        // of Microsoft Graph
	{Name: "x-firebase-client", Descriptive: true}, // of Firebase
	{Name: "accept", Descriptive: true},
	{Name: "dnt", Descriptive: true},
	{Name: "priority", Descriptive: true},
	{Name: "upgrade-insecure-requests", Descriptive: true},
	{Name: "cache-control", Descriptive: true},
	{Name: "pragma", Descriptive: true},

	// Tracing: W3C Trace Context, B3, and what servers and clouds make of it.
	{Name: "traceparent", Kind: Trace, Descriptive: true},
	{Name: "tracestate", Kind: Trace, Descriptive: true},
	{Name: "b3", Kind: Trace, Descriptive: true},
	{Name: "x-b3-traceid", Kind: Trace, Descriptive: true},
	{Name: "x-b3-spanid", Kind: Trace, Descriptive: true},
	{Name: "x-b3-parentspanid", Kind: Trace, Descriptive: true},
	{Name: "x-b3-sampled", Kind: Trace, Descriptive: true},
	{Name: "x-b3-flags", Kind: Trace, Descriptive: true},
	{Name: "x-request-id", Kind: Trace, Descriptive: true},
	{Name: "x-correlation-id", Kind: Trace, Descriptive: true},
	{Name: "x-trace-id", Kind: Trace, Descriptive: true},
	{Name: "request-id", Kind: Trace, Descriptive: true},
	{Name: "correlation-id", Kind: Trace, Descriptive: true},
	{Name: "x-amzn-trace-id", Kind: Trace, Descriptive: true},
	{Name: "x-amzn-requestid", Kind: Trace, Descriptive: true},
	{Name: "amz-sdk-invocation-id", Kind: Trace, Descriptive: true},
	{Name: "client-request-id", Kind: Trace, Descriptive: true}, // of Microsoft's services
	{Name: "x-cloud-trace-context", Kind: Trace, Descriptive: true},
	{Name: "uber-trace-id", Kind: Trace, Descriptive: true},
	{Name: "sentry-trace", Kind: Trace, Descriptive: true},

	// Between neighbours, and how a body is framed: RFC 9110, 7.6.1, and RFC 9112.
	{Name: "connection", Kind: Hop, Descriptive: true},
	{Name: "proxy-connection", Kind: Hop, Descriptive: true},
	{Name: "keep-alive", Kind: Hop, Descriptive: true},
	{Name: "te", Kind: Hop, Descriptive: true},
	{Name: "trailer", Kind: Hop, Descriptive: true},
	{Name: "transfer-encoding", Kind: Hop, Descriptive: true},
	{Name: "upgrade", Kind: Hop},
	{Name: "http2-settings", Kind: Hop, Descriptive: true},
	{Name: "accept-encoding", Kind: Hop, Descriptive: true},
	{Name: "content-encoding", Kind: Hop, Descriptive: true},
	{Name: "expect", Kind: Hop, Descriptive: true},

	// Secrets, and what is made with them.
	{Name: "authorization", Kind: Credential},
	{Name: "proxy-authorization", Kind: Credential},
	{Name: "x-api-key", Kind: Credential},
	{Name: "api-key", Kind: Credential},
	{Name: "apikey", Kind: Credential},
	{Name: "x-auth-token", Kind: Credential},
	{Name: "x-access-token", Kind: Credential},
	{Name: "x-goog-api-key", Kind: Credential},
	{Name: "x-postmark-server-token", Kind: Credential},
	{Name: "x-amz-security-token", Kind: Credential},
	{Name: "cookie", Kind: Cookies},
	{Name: "x-hub-signature", Kind: MAC},
	{Name: "x-hub-signature-256", Kind: MAC},
	{Name: "x-twilio-signature", Kind: MAC},
	{Name: "x-slack-signature", Kind: MAC},
	{Name: "x-slack-request-timestamp", Kind: MAC},
	{Name: "webhook-signature", Kind: MAC},
	{Name: "webhook-timestamp", Kind: MAC},
	{Name: "stripe-signature", Kind: MAC},
	{Name: "x-signature", Kind: MAC},
	{Name: "x-signature-256", Kind: MAC},
	{Name: "x-webhook-signature", Kind: MAC},
	{Name: "svix-signature", Kind: MAC},
	{Name: "svix-timestamp", Kind: MAC},
	{Name: "x-amz-date", Kind: MAC},
	{Name: "digest", Kind: Digest},
	{Name: "content-digest", Kind: Digest},
	{Name: "repr-digest", Kind: Digest},
	{Name: "x-amz-content-sha256", Kind: Digest},
	{Name: "idempotency-key", Kind: Key},
	{Name: "x-idempotency-key", Kind: Key},
	{Name: "x-github-delivery", Kind: Key},
	{Name: "webhook-id", Kind: Key},
	{Name: "svix-id", Kind: Key},
	{Name: "svix-req-id", Kind: Key},
	{Name: "x-line-retry-key", Kind: Key},
	{Name: "ce-id", Kind: Key}, // CloudEvents 1.0.2, 3.1

	// What keeps an answer to who asked: to whom a page may send, and what it may load (CSP Level 3),
	// what is forgotten when the next one signs in (Clear Site Data), what others are told of the
	// page (Referrer Policy), who may load it (Fetch), and that nobody listens (RFC 6797).
	{Name: "content-security-policy", Guards: true},
	{Name: "clear-site-data", Guards: true},
	{Name: "referrer-policy", Guards: true},
	{Name: "cross-origin-resource-policy", Guards: true},
	{Name: "cross-origin-opener-policy", Guards: true},
	{Name: "strict-transport-security", Guards: true},
	{Name: "x-robots-tag", Guards: true},

	// Where a request goes and comes from.
	{Name: "host", Kind: Value, Protected: true},
	{Name: "referer", Kind: Link},
	{Name: "origin", Kind: Value},

	// What tells a mail service, on the way, whom to send to.
	{Name: "x-smtpapi", Routes: true},
	{Name: "x-msys-api", Routes: true},
	{Name: "x-redirect-to", Routes: true, Protected: true},
	{Name: "x-forward-to", Routes: true, Protected: true},
	{Name: "x-transport", Routes: true},
	{Name: "x-mailer-daemon-to", Routes: true, Protected: true},
}

// families hold the fields that are known by how their name begins, in the order
// in which they are tried.
var families = []Field{
	{Name: "content-*", Kind: MIME},
	{Name: "x-waybill-*", Kind: Trace, Descriptive: true},
	{Name: "accept-*", Descriptive: true},
	{Name: "sec-fetch-*", Descriptive: true},
	{Name: "sec-ch-*", Descriptive: true},
	{Name: "x-stainless-*", Descriptive: true}, // of API clients made by one generator
	{Name: "x-datadog-*", Kind: Trace, Descriptive: true},
	{Name: "x-mc-*", Routes: true}, // Mandrill
	{Name: "x-mailgun-*", Routes: true},
	{Name: "x-pm-*", Routes: true},         // Postmark
	{Name: "x-http-method*", Routes: true}, // what is done instead of the request's method
	{Name: "x-method-override", Routes: true},
	{Name: "x-sandbox*", Routes: true}, // whether anything is done at all
	{Name: "x-test-mode", Routes: true},
	{Name: "x-dry-run", Routes: true},
	{Name: "x-copy-*", Routes: true},
	{Name: "x-ses-*", Routes: true},    // Amazon SES
	{Name: "x-mj-*", Routes: true},     // Mailjet
	{Name: "x-mailin-*", Routes: true}, // Brevo
	{Name: "x-sg-*", Routes: true},     // SendGrid
	{Name: "x-sib-*", Routes: true},    // Brevo
	{Name: "x-bcc-*", Routes: true, Protected: true},
}
