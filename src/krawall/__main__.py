"""`python -m krawall`."""

from krawall.cli.main import main

main()
