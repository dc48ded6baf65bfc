"""The flow of bench/flows.py as k6 and Locust are told it: the same six requests and pauses.

Their process trees' CPU is divided by the requests that nginx counted; what they say is not read.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LOCUST = """\
import random
import uuid

from locust import FastHttpUser, constant, task


def pause():
    return random.expovariate(1000)


class Flow(FastHttpUser):
    wait_time = constant(0)

    @task
    def flow(self):
        item, page = str(uuid.uuid4()), random.randint(1, 1000)
        token = self.client.get("/login").json()["access_token"]
        headers = {"Authorization": "Bearer " + token}
        self._sleep(pause())
        self.client.get("/items/" + item, headers=headers, name="/items")
        self._sleep(pause())
        self.client.get("/pages?n=" + str(page), headers=headers, name="/pages")
        self._sleep(pause())
        if random.random() < 0.9:
            self.client.get("/often", headers=headers)
        self._sleep(pause())
        if random.random() < 0.5:
            self.client.get("/seldom", headers=headers)
        self._sleep(pause())
        self.client.get("/last", headers=headers)
        self._sleep(pause())
"""

K6 = """\
import http from 'k6/http';
import { sleep } from 'k6';
import { uuidv4 } from './uuid.js';

const url = __ENV.TARGET;
const pause = () => sleep(-Math.log(1 - Math.random()) / 1000);

export default function () {
  const item = uuidv4();
  const page = 1 + Math.floor(Math.random() * 1000);
  const token = http.get(url + '/login').json('access_token');
  const headers = { headers: { Authorization: 'Bearer ' + token } };
  const named = (name) => ({ ...headers, tags: { name } });
  pause();
  http.get(url + '/items/' + item, named('items'));
  pause();
  http.get(url + '/pages?n=' + page, named('pages'));
  pause();
  if (Math.random() < 0.9) http.get(url + '/often', headers);
  pause();
  if (Math.random() < 0.5) http.get(url + '/seldom', headers);
  pause();
  http.get(url + '/last', headers);
  pause();
}
"""

UUID = """\
export function uuidv4() {
  return 'xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx'.replace(/x/g, () =>
    Math.floor(Math.random() * 16).toString(16));
}
"""


@dataclass(frozen=True, slots=True)
class FlowRival:
    """Another tool: its files (name → text), and (folder, url, users, seconds) → its command;
    `least` is how many times our CPU per request it has to take."""

    name: str
    files: dict[str, str]
    words: Callable[[Path, str, int, int], list[str]]
    least: float

    def command(self, folder: Path, url: str, users: int, seconds: int) -> list[str] | None:
        """The command, its files written into `folder`; None where it is not installed."""
        program = shutil.which(self.name)
        if program is None:
            return None
        for name, text in self.files.items():
            (folder / name).write_text(text)
        return [program, *self.words(folder, url, users, seconds)]


def locust_words(folder: Path, url: str, users: int, seconds: int) -> list[str]:
    words = f"--headless --only-summary -u {users} -r {users} -t {seconds}s -H {url}"
    return ["-f", str(folder / "flow.py"), *words.split()]


def k6_words(folder: Path, url: str, users: int, seconds: int) -> list[str]:
    words = f"run -q --vus {users} --duration {seconds}s -e TARGET={url}"
    return [*words.split(), str(folder / "flow.js")]


FLOW_RIVALS = (
    FlowRival("k6", {"flow.js": K6, "uuid.js": UUID}, k6_words, 8),
    FlowRival("locust", {"flow.py": LOCUST}, locust_words, 15),
)
