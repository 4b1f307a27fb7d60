export interface Part {
  id: number;
  name: string;
  weight: string;
}
