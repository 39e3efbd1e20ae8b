"""An echo server on a free port of 127.0.0.1; prints `port N`."""
import asyncio
import websockets


async def echo(connection, *_):
    async for message in connection:
        await connection.send(message)


async def main():
    server = await websockets.serve(echo, "127.0.0.1", 0, max_size=None)
    print("port", next(iter(server.sockets)).getsockname()[1], flush=True)
    await asyncio.Future()


asyncio.run(main())
