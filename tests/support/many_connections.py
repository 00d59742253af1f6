"""Open many TCP connections and hold them; then let each push once: python -m support.many_connections PORT COUNT HEX.

Says "open" when all are there; pushes at a line on stdin, says "sent"; closes at the next line.
"""

import resource
import socket
import sys


def main():
    port, count, push = int(sys.argv[1]), int(sys.argv[2]), bytes.fromhex(sys.argv[3])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    links = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(count)]
    print("open", flush=True)
    sys.stdin.readline()
    for link in links:
        link.sendall(push)
    print("sent", flush=True)
    sys.stdin.readline()
    for link in links:
        link.close()


if __name__ == "__main__":
    main()
