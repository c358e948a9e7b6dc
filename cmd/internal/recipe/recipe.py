#!/usr/bin/env python3
"""Measures what the recipe gives in Python that mysqlpool grew out of.

A request is: get a connection, SELECT 1, give the connection back. Each way
runs for a while in turn, as in `mysqlpool bench`; printed are requests per
second (the median of the rounds) and how many times as many that is as without
a pool. The server is the one that MYSQL_POOL_TEST_DSN names, over TCP.

Needs Debian's python3-mysqldb, python3-sqlalchemy (1.4: later ones have no
pool.manage) and python3-django.
"""

import os
import re
import statistics
import sys
import time
import warnings

import MySQLdb
import sqlalchemy
import sqlalchemy.pool
import django
from django.conf import settings

ROUNDS, SECONDS = 7, 0.3


def login():
    dsn = os.environ.get("MYSQL_POOL_TEST_DSN", "")
    m = re.fullmatch(r"(.*?):(.*)@tcp\((.*):(\d+)\)/(\w+).*", dsn)
    if not m:
        sys.exit("recipe: MYSQL_POOL_TEST_DSN: want user:password@tcp(host:port)/schema")
    user, password, host, port, schema = m.groups()
    return dict(user=user, passwd=password, host=host, port=int(port), db=schema)


def ask(connection):
    cursor = connection.cursor()
    cursor.execute("SELECT 1")
    cursor.fetchall()
    cursor.close()


def mysqlclient(args):
    def request():
        connection = MySQLdb.connect(**args)
        ask(connection)
        connection.close()

    return request


def managed(args):
    """The recipe: pool.manage(MySQLdb, recycle=wait_timeout - 1)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated since 1.3
        module = sqlalchemy.pool.manage(MySQLdb, recycle=119)

    def request():
        connection = module.connect(**args)
        ask(connection)
        connection.close()

    return request


def queue_pool(args):
    url = sqlalchemy.engine.URL.create(
        "mysql+mysqldb", args["user"], args["passwd"], args["host"], args["port"], args["db"])
    engine = sqlalchemy.create_engine(url, pool_recycle=119)
    select = sqlalchemy.text("SELECT 1")

    def request():
        with engine.connect() as connection:
            connection.execute(select).fetchall()

    return request


def with_django(alias):
    def request():
        with django.db.connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
            cursor.fetchall()
        django.db.close_old_connections()  # as at the end of each request

    return request


def configure(args):
    database = {
        "ENGINE": "django.db.backends.mysql", "USER": args["user"], "PASSWORD": args["passwd"],
        "HOST": args["host"], "PORT": args["port"], "NAME": args["db"],
    }
    settings.configure(DATABASES={
        "default": {**database, "CONN_MAX_AGE": 0}, "persistent": {**database, "CONN_MAX_AGE": None},
    })
    django.setup()


def rate(request):
    start, n = time.perf_counter(), 0
    while True:
        request()
        n += 1
        took = time.perf_counter() - start
        if took >= SECONDS:
            return n / took


def main():
    args = login()
    configure(args)
    ways = [
        ("mysqlclient, a login per request", mysqlclient(args), 0),
        ("the recipe: SQLAlchemy's pool.manage", managed(args), 0),
        ("SQLAlchemy's engine and QueuePool", queue_pool(args), 0),
        ("Django, CONN_MAX_AGE=0", with_django("default"), 3),
        ("Django, CONN_MAX_AGE=None", with_django("persistent"), 3),
    ]
    rates = [[] for _ in ways]
    for _, request, _ in ways:
        request()
    for _ in range(ROUNDS):
        for i, (_, request, _) in enumerate(ways):
            rates[i].append(rate(request))
    print(f"Python {sys.version.split()[0]}, mysqlclient {MySQLdb.__version__}, "
          f"SQLAlchemy {sqlalchemy.__version__}, Django {django.__version__}; {ROUNDS} rounds of {SECONDS} s")
    for i, (name, _, without) in enumerate(ways):
        ratios = [a / b for a, b in zip(rates[i], rates[without])]
        quartiles = statistics.quantiles(ratios, n=4, method="inclusive")
        print(f"{name:38} {statistics.median(rates[i]):8.0f} a second, "
              f"{quartiles[1]:5.1f} times ({quartiles[0]:.1f} to {quartiles[2]:.1f})")


main()
