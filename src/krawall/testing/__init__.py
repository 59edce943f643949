"""What our tests and the authors of plugins share: real, small fakes. Nothing of Krawall imports this package.

virtual      an event loop whose time jumps to the next deadline
hostile      a server that answers by a script of raw bytes, as well or as badly as the script says
replies      HTTP/1.1 replies as bytes, for scripts
asking       a connector opened without an engine, and one question asked through it
playing      a whole scenario played in this process
contracts    suites that every plugin of a kind passes
"""
