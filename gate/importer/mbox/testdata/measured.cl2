From alice@example.org Thu Aug 22 12:36:23 2002
Delivered-To: bob@example.net
Content-Length: 100

From x@example.org Thu Aug 22 12:36:23 2002

From y@example.org Thu Aug 22 12:36:23 2002
>From kept

From bob@example.org Thu Aug 22 12:36:23 2002
Delivered-To: bob@example.net
Content-Length: 14

no end of line
From bob@example.org Thu Aug 22 12:36:23 2002
Delivered-To: bob@example.net
Content-Length: 0

