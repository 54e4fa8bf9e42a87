"""Says what stands in public files, by readers that share nothing with Waybill.

    oracle.py < LINES

A line is a format and a path, parted by a tab. For each a line of JSON is printed, in that order:
mail by Python's email and mailbox, captures by tshark, the rest by Python's json and a few lines here.
"""

import collections
import concurrent.futures
import email
import email.policy
import gzip
import hashlib
import json
import mailbox
import os
import re
import subprocess
import sys
import tempfile
import zlib

RECIPIENTS = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To")


def content(path):
    with open(path, "rb") as f:
        data = f.read()
    if data.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            return None
    return data


def mail(data):
    """A mail's digest as it travels, and without a first line that is no field; and whether a field names its recipients."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    wire = re.sub(rb"(?<!\r)\n", b"\r\n", data)
    parsed = email.message_from_bytes(data, policy=email.policy.compat32)
    return {
        "digests": [hashlib.sha256(d).hexdigest() for d in (wire, wire.partition(b"\n")[2])],
        "recipients": sum(len(parsed.get_all(name, [])) for name in RECIPIENTS),
    }


def eml(path):
    data = content(path)
    return {"count": 1, **mail(data)}


def mbox(path):
    data = content(path)
    with tempfile.NamedTemporaryFile(delete=False) as f:
        f.write(data)
    try:
        box = mailbox.mbox(f.name, create=False)
        # Python parts a mailbox at each line that begins with "From ", whatever stands before or in it.
        return {"count": len(box)}
    finally:
        os.remove(f.name)


def har(path):
    entries = json.loads(content(path).removeprefix(b"\xef\xbb\xbf"))["log"]["entries"]
    return {"count": len(entries)}


def netstring(data, at):
    """Returns kind, beginning, end of the value at, and where the next one begins."""
    colon = data.index(b":", at, at + 15)
    end = colon + 1 + int(data[at:colon])
    return data[end : end + 1], colon + 1, end, end + 1


def mitmproxy(path):
    data, at, types, version = content(path), 0, collections.Counter(), None
    while at < len(data):
        _, i, end, at = netstring(data, at)
        flow = {}
        while i < end:
            _, k, k_end, i = netstring(data, i)
            kind, v, v_end, i = netstring(data, i)
            flow[data[k:k_end]] = data[v:v_end] if kind != b"]" else "list"
        version = flow.get(b"version")
        types[flow.get(b"type", b"http").decode()] += 1
    return {"count": types["http"], "others": sum(types.values()) - types["http"], "version": version if isinstance(version, str) or version is None else version.decode()}


def gor(path):
    data = content(path)
    return {"count": len(re.findall(rb"(?:^|\xf0\x9f\x90\xb5\xf0\x9f\x99\x88\xf0\x9f\x99\x89\n)1 [0-9a-f-]+ \d+", data))}


FIELDS = ("frame.number", "http.request.method", "http.request.uri", "smtp.response.code", "smtp.req.command", "smtp.req.parameter")
ASKED = "(tcp && (http.request || smtp.response.code == 354 || smtp.req.command == \"BDAT\")) && !tls && !icmp && !icmpv6 && !tcp.analysis.retransmission && !tcp.analysis.spurious_retransmission"


def pcap(path):
    """Counts requests of HTTP/1 in plain text, by request line, and mails whose content a server asked for."""
    if not re.search(rb"HTTP/1\.|354|BDAT", content(path) or b"HTTP/1."):
        return {"count": 0, "requests": {}, "mails": 0, "failed": []}  # hundreds of captures, and half a second for each
    argv = ["tshark", "-n", "-o", "tcp.reassemble_out_of_order:TRUE", "-r", path, "-Y", ASKED, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=\x1f"]
    for field in FIELDS:
        argv += ["-e", field]
    run = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    requests, mails = collections.Counter(), 0
    for line in run.stdout.decode("latin-1").splitlines():
        _, methods, targets, codes, _, parameters = (line.split("\t") + [""] * 6)[:6]
        methods, targets = methods.split("\x1f"), targets.split("\x1f")
        for i, method in enumerate(methods):
            if method:
                requests[method + " " + (targets[i] if len(targets) == len(methods) else "?")] += 1
        mails += codes.split("\x1f").count("354") + sum(p.upper().endswith(" LAST") for p in parameters.split("\x1f"))
    return {"count": sum(requests.values()), "requests": requests, "mails": mails,
            "failed": run.stderr.decode(errors="replace").strip().splitlines()[-1:] if run.returncode else []}


READERS = {"eml": eml, "mbox": mbox, "har": har, "mitmproxy": mitmproxy, "gor": gor, "pcap": pcap}


def ask(line):
    how, path = line.rstrip("\n").split("\t", 1)
    try:
        return READERS[how](path)
    except Exception as err:  # what a reader cannot read it says so of
        return {"error": f"{type(err).__name__}: {err}"}


with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for told in pool.map(ask, sys.stdin):
        print(json.dumps(told))
