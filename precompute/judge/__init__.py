"""A vision model scores captions of layers, as the paper did with GPT-4V (its Figures 4 and 5).

`prompt` words the question, `identity` names the judge, `questions` lists what is to be asked,
`client` asks with the `key`, `transport` bounds what is sent and read, `complaint` finds a server's
words in an error, `reply` tells a reply from what is none, `ledger` keeps each as an `entry` the
moment it comes, `verdict` reads it, `seal` turns replies into parts, `budget` guards the cost,
`plan` says what is open and what it will cost, `session` does the work, `exchange` carries replies
between machines. It reads captions from parts and must not know how they were made.

Others import its modules, and late: openai takes a second that no other command should wait.
"""

__all__ = ["exchange", "key", "ledger", "plan", "seal", "session"]
