/** <FaceLiveness>: the web component as a React component. See README.md. */
import { createElement, useEffect, useRef } from "react";
import { languages } from "./mien-face-liveness.js"; // registers the element

export { languages };

export function FaceLiveness({ authToken, onResult, onError, onProblem, ...settings }) {
  const place = useRef(null);
  const told = useRef(null);
  told.current = { onResult, onError, onProblem, settings }; // the newest, without starting anew

  useEffect(() => {
    const detector = place.current;
    let wanted = true;
    // The element may be taken away before the effect is.
    const listens = () => wanted && detector.isConnected;
    const problem = (event) => told.current.onProblem?.(event.detail);
    detector.addEventListener("problem", problem);
    // Strict mode runs effects twice at once: what is taken back before this never starts.
    queueMicrotask(() => {
      if (!wanted || !authToken) return;
      Object.assign(detector, told.current.settings);
      detector.start(authToken).then(
        (result) => listens() && told.current.onResult?.(result),
        (error) => listens() && told.current.onError?.(error),
      );
    });
    return () => {
      wanted = false;
      detector.removeEventListener("problem", problem);
      detector.cancel();
    };
  }, [authToken]);

  return createElement("mien-face-liveness", { ref: place });
}
