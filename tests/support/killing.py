"""Code of a child process that is killed before its step of a number, its first argument, which it takes off its arguments.

What is a step, the child says: `killing(place, name)` makes each call of `place.name` one.
"""

KILLING = """
import os, signal, sys
left = int(sys.argv.pop(1))
def killing(place, name):
    real = getattr(place, name)
    def step(*arguments, **named):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **named)
    setattr(place, name, step)
"""
