"""A chatbot made to be tested against: fast, seeded, with scripted delays and faults, and a log of its own send times.

`http.serve` runs it inside a program, `http.main` as a process (`krawall mock`). What is said is in `bot` and `personas`,
when and whether it is said in `behaviour`, `spread` and `fate`, what else it does than answer in `manner`, how it looks on the
wire in one file per dialect (paths in `routes`), and what really happened in `oracle`.
"""
