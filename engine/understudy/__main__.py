"""`python -m understudy` is the command `understudy`; `torchrun -m understudy` starts several."""

from understudy.cli import main

raise SystemExit(main())
