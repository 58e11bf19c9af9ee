#!/usr/bin/env python3
"""control-client.py SOCKET METHOD PARAMS: one request to the control socket of holdfast serve; prints its result,
or its error, as JSON."""
import json
import socket
import sys

connection = socket.socket(socket.AF_UNIX)
connection.connect(sys.argv[1])
request = {"jsonrpc": "2.0", "id": 1, "method": sys.argv[2], "params": json.loads(sys.argv[3])}
connection.sendall(json.dumps(request).encode() + b"\n")
answer = json.loads(connection.makefile().readline())
print(json.dumps(answer.get("result", answer.get("error"))))
