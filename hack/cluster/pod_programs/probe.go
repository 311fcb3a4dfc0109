// Does in a pod what a test wants to see: reach an address, answer on one, use up memory.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

func main() {
	switch os.Args[1] {
	case "dial":
		connection, err := net.DialTimeout("tcp", os.Args[2], 10*time.Second)
		check(err)
		fmt.Println("reached", connection.RemoteAddr())
	case "serve":
		listener, err := net.Listen("tcp", os.Args[2])
		check(err)
		fmt.Println("serving", os.Args[2])
		for {
			connection, err := listener.Accept()
			check(err)
			connection.Read(make([]byte, 4096))
			fmt.Fprint(connection, "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
			connection.Close()
		}
	case "eat":
		var eaten [][]byte
		for {
			piece := make([]byte, 1<<20)
			for at := 0; at < len(piece); at += 4096 {
				piece[at] = 1
			}
			eaten = append(eaten, piece)
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}
