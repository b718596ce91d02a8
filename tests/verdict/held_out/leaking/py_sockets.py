# A server that keeps every connection in a dictionary, also when the client has gone. Three a second.
# expect: leak of socket
import os
import socket
import time

from support import verdict

connections = {}


def run_clients(address):
    while True:
        time.sleep(1 / 3)
        with socket.create_connection(address) as client:
            client.sendall(b"hello\n")
            client.recv(100)


def accept(listener):
    connection, address = listener.accept()  # LEAK HERE
    connections[address] = connection
    return connection


def handle_client(listener):
    connection = accept(listener)
    connection.sendall(connection.recv(100))


with socket.create_server(("127.0.0.1", 0)) as server:
    if os.fork() == 0:
        verdict.end_with_input()
        run_clients(server.getsockname())
    verdict.start()
    while True:
        handle_client(server)
