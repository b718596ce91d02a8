# A logger with a file handler of its own for each job: nobody removes them. Two a second.
# expect: leak of fd
import logging
import os

from support import verdict


def job_logger(number):
    logger = logging.getLogger("job.%d" % number)
    handler = logging.FileHandler(os.devnull)  # LEAK HERE
    logger.addHandler(handler)
    logger.propagate = False
    return logger


def run_job(number):
    job_logger(number).warning("job %d begins", number)


verdict.start()
verdict.every(2, run_job)
