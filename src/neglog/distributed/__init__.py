"""One loss over many processes: any split of its rows gives the loss and gradients of one process.

A loss is a sum over rows. A `Plan` states which processes hold different rows, and every loss takes
one as ``plan=``. Communication is torch.distributed's.
"""

from neglog.distributed.plan import Plan as Plan
