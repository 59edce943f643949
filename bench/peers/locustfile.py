"""The same chat as ../speed.py plays, for Locust's faster client: locust -f locustfile.py --headless -u 64 -r 64 -t 6s -H URL."""

import itertools
import json

from locust import constant, task
from locust.contrib.fasthttp import FastHttpUser

SYSTEM = {"role": "system", "content": "You are a helpful assistant of a shop. Answer in a friendly and short way."}
number = itertools.count(1000)


class Chat(FastHttpUser):
    """Conversations of 20 messages, a system prompt, the last 4 turns sent."""

    wait_time = constant(0)

    def on_start(self):
        self.order, self.history, self.turn_number = next(number), [], 0

    @task
    def turn(self):
        if self.turn_number == 20:
            self.history, self.turn_number = [], 0
        self.turn_number += 1
        words = f"Hello, my name is Ada and I would like to know about my order number {self.order}, turn {self.turn_number}."
        self.history.append({"role": "user", "content": words})
        body = {"model": "mock", "messages": [SYSTEM, *self.history[-7:]], "max_tokens": 64, "stream": False}
        with self.client.post("/v1/chat/completions", json=body, catch_response=True) as reply:
            said = json.loads(reply.content)["choices"][0]["message"]["content"]
            self.history.append({"role": "assistant", "content": said})
