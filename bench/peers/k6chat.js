// k6 run -q --vus 64 --duration 6s k6chat.js      (BASE: where mockchat listens)
// The same chat as ../speed.py plays: conversations of 20 messages, a system prompt, the last 4 turns sent.
import http from 'k6/http';
const URL = (__ENV.BASE || 'http://127.0.0.1:18080') + '/v1/chat/completions';
const HEADERS = { headers: { 'Content-Type': 'application/json' } };
const SYSTEM = { role: 'system', content: 'You are a helpful assistant of a shop. Answer in a friendly and short way.' };
let history = [], turn = 0;
export default function () {
  if (turn === 20) { history = []; turn = 0; }
  turn++;
  history.push({ role: 'user', content: `Hello, my name is Ada and I would like to know about my order number ${1000 + __VU}, turn ${turn}.` });
  const body = { model: 'mock', messages: [SYSTEM, ...history.slice(-7)], max_tokens: 64, stream: false };
  const reply = http.post(URL, JSON.stringify(body), HEADERS);
  history.push({ role: 'assistant', content: reply.json().choices[0].message.content });
}
