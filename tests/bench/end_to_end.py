"""What a whole request costs on real MCP servers: without a guard, with the host's own verifier, with ours.

All servers run at once and idle; each round sends a burst of tool calls to one after the other, over four connections
that stay open for the burst, with one and the same token, as the clients of a session do. CPU time is the server
process's own, from the scheduler; requests per second and latencies are of wall time, and mean something on a quiet
machine only. Percentiles are those of all calls of all rounds.
"""

import http.client
import json
import math
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
GUARDS = ("none", "host", "fastbearer")
CALL = json.dumps(
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 20, "b": 22}}}
)
CONNECTIONS = 4
PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


def cpu_seconds(pid):
    """Of all threads of a process that live."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


class Server:
    """One server process and the connections to it."""

    def __init__(self, command, token):
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.port = int(self.process.stdout.readline())
        self.headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "Authorization": f"Bearer {token}",
        }
        self.connections = [http.client.HTTPConnection("127.0.0.1", self.port, timeout=60) for _ in range(CONNECTIONS)]

    def call(self, connection, headers=None):
        connection.request("POST", "/mcp", CALL, headers or self.headers)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def check(self, guarded):
        """It answers, and refuses what it should: a server that lets all through would win."""
        status, body = self.call(self.connections[0])
        assert status == 200 and "42" in json.loads(body)["result"]["content"][0]["text"], (status, body)
        bad = {**self.headers, "Authorization": self.headers["Authorization"][:-4] + "AAAA"}
        assert self.call(self.connections[0], bad)[0] == (401 if guarded else 200)

    def burst(self, count):
        """CPU microseconds of the server per request, requests per second, and how long each took, in ms."""
        latencies = []

        def work(connection):
            connection.close()  # servers end what was idle for seconds; http.client connects again
            connection.connect()
            for _ in range(count // CONNECTIONS):
                begun = time.perf_counter()
                status, _body = self.call(connection)
                latencies.append((time.perf_counter() - begun) * 1e3)
                assert status == 200, status

        cpu, start = cpu_seconds(self.process.pid), time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            list(pool.map(work, self.connections))
        spent, wall = cpu_seconds(self.process.pid) - cpu, time.perf_counter() - start
        return spent / count * 1e6, count / wall, latencies

    def close(self):
        for connection in self.connections:
            connection.close()
        self.process.stdin.close()
        self.process.wait(timeout=30)


def percentile(values, share):
    """The smallest that so large a share of them does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def measure(python, peers, tokens_path, rounds, count):
    """[{host, guard, cpu_us: [...], above_us: [...], per_second: [...], latency_ms: {...}}, ...]; above_us is beside no
    guard."""
    token = json.loads(Path(tokens_path).read_text())["RS256"]["tokens"][0]
    commands = {
        "FastMCP": [python, HERE / "server_fastmcp.py"],
        "MCP TypeScript SDK": ["node", HERE / "server_mcp.mjs"],
    }
    servers = []
    try:
        for host, command in commands.items():
            for guard in GUARDS:
                last = [peers] if host != "FastMCP" else []
                servers.append((host, guard, Server([*command, guard, tokens_path, *last], token)))
        rows = {
            (host, guard): {"host": host, "guard": guard, "cpu_us": [], "per_second": []} for host, guard, _ in servers
        }
        latencies = {key: [] for key in rows}
        for _, guard, server in servers:
            server.check(guard != "none")
            server.burst(count)
        for number in range(rounds):
            for host, guard, server in servers[:: -1 if number % 2 else 1]:
                cpu, rate, taken = server.burst(count)
                latencies[host, guard] += taken
                rows[host, guard]["cpu_us"].append(cpu)
                rows[host, guard]["per_second"].append(rate)
        for (host, guard), row in rows.items():
            row["latency_ms"] = {
                name: round(percentile(latencies[host, guard], share), 3) for name, share in PERCENTILES.items()
            }
            row["above_us"] = [cpu - bare for cpu, bare in zip(row["cpu_us"], rows[host, "none"]["cpu_us"])]
        return list(rows.values())
    finally:
        for _host, _guard, server in servers:
            server.close()
