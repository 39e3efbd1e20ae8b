"""Arguments: port, host, CA file. Sends text and binary messages of several sizes and pings."""
import asyncio
import ssl
import sys
import websockets


async def main(port, host, ca):
    context = ssl.create_default_context(cafile=ca)
    url = f"wss://{host}:{port}/socket"
    # Debian 12's version verifies the address unless it is told the name.
    place = {"host": "127.0.0.1", "port": int(port), "server_hostname": host}
    async with websockets.connect(url, ssl=context, max_size=None, **place) as connection:
        for message in ["hello", "", "\u00fcml\u00e4ut", b"\x00\xff", b"x" * 70_000, "y" * 1_000_000]:
            await connection.send(message)
            assert await connection.recv() == message
        await (await connection.ping())
    print("all messages came back")


asyncio.run(asyncio.wait_for(main(*sys.argv[1:]), 30))
